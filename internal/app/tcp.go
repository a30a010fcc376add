package app

import (
	"crypto/tls"
	"fmt"

	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/tcpgw"
)

// wireTCP makes the server of the TCP listener.
func (a *App) wireTCP(n *node) error {
	if !a.Config.Has(config.RoleTCP) {
		return nil
	}
	proxies, err := a.Config.ProxyNetworks()
	if err != nil {
		return err
	}
	n.tcp, err = tcpgw.New(tcpgw.Options{Gateway: n.gateway, Logger: a.Logger, TLS: a.tls, ProxyFrom: proxies, Metrics: a.metrics})
	return err
}

// tcpTLS loads what the TCP listener needs for TLS; nil where it is plain.
func (a *App) tcpTLS() (*tls.Config, error) {
	c := a.Config
	if c.TCPTLSCert == "" {
		return nil, nil
	}
	cert, err := tcpgw.LoadCertificate(c.TCPTLSCert, c.TCPTLSKey, a.Logger)
	if err != nil {
		return nil, fmt.Errorf("--tcp-tls-cert, --tcp-tls-key: %w", err)
	}
	return cert.Config(), nil
}
