package config

import (
	"errors"
	"net"
	"net/netip"
)

// validateTCP keeps tokens and messages from crossing a network in the clear
// because nobody thought of it. Whether the certificate can be used is seen when
// it is loaded.
func (c *Config) validateTCP() error {
	problems := []error{validateAddr("tcp-addr", c.TCPAddr)}
	switch hasTLS := c.TCPTLSCert != ""; {
	case hasTLS && c.TCPTLSKey == "":
		problems = append(problems, wrong("tcp-tls-key", "must name the key of --tcp-tls-cert"))
	case !hasTLS && c.TCPTLSKey != "":
		problems = append(problems, wrong("tcp-tls-cert", "must name the certificate of --tcp-tls-key"))
	case hasTLS && c.TCPPlain:
		problems = append(problems, wrong("tcp-plain", "and --tcp-tls-cert exclude each other: the port speaks TLS or it does not"))
	case !hasTLS && !c.TCPPlain && c.Has(RoleTCP):
		if host, _, err := net.SplitHostPort(c.TCPAddr); err == nil && !isLoopback(host) {
			problems = append(problems, wrong("tcp-addr", "%q is reached from other machines, so it needs TLS (--tcp-tls-cert and --tcp-tls-key), or --tcp-plain where something in front of gim does it", c.TCPAddr))
		}
	}
	_, err := c.ProxyNetworks()
	return errors.Join(append(problems, err)...)
}

// ProxyNetworks returns TCPProxyFrom as networks. An address stands for itself.
func (t TCP) ProxyNetworks() (networks []netip.Prefix, err error) {
	for _, text := range t.TCPProxyFrom {
		if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" && !addr.Is4In6() {
			networks = append(networks, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil || network.Addr().Is4In6() { // the latter would match nothing
			return nil, wrong("tcp-proxy-from", "must be networks like 10.0.0.0/8 or fd00::/8; %q is none", text)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}
