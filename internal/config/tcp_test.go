package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestLoad_KeepsPlainTCPOnThisMachine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want []string // of the error; none for good settings
	}{
		{"loopback", []string{"--tcp-addr=127.0.0.1:0"}, nil},
		{"loopback of IPv6", []string{"--tcp-addr=[::1]:7272"}, nil},
		{"loopback by name", []string{"--tcp-addr=localhost:7272"}, nil},
		{"all interfaces", []string{"--tcp-addr=:7272"}, []string{"--tcp-addr", `":7272"`, "--tcp-tls-cert", "--tcp-plain"}},
		{"another interface", []string{"--tcp-addr=10.0.0.1:7272"}, []string{"--tcp-addr", "--tcp-plain"}},
		{"another name", []string{"--tcp-addr=chat.example.com:7272"}, []string{"--tcp-addr", "--tcp-plain"}},
		{"plain by intent", []string{"--tcp-addr=:7272", "--tcp-plain"}, nil},
		{"with TLS", []string{"--tcp-addr=:7272", "--tcp-tls-cert=c", "--tcp-tls-key=k"}, nil},
		{"not served", []string{"--tcp-addr=:7272", "--roles=rest,ws"}, nil},
		{"served alone", []string{"--roles=tcp"}, nil},
		{"no port", []string{"--tcp-addr=127.0.0.1"}, []string{"--tcp-addr", "HOST:PORT"}},
		{"certificate without a key", []string{"--tcp-tls-cert=c"}, []string{"--tcp-tls-key", "must name"}},
		{"key without a certificate", []string{"--tcp-tls-key=k"}, []string{"--tcp-tls-cert", "must name"}},
		{"plain and TLS", []string{"--tcp-plain", "--tcp-tls-cert=c", "--tcp-tls-key=k"}, []string{"--tcp-plain", "exclude"}},
		{"networks", []string{"--tcp-proxy-from=10.0.0.0/8,fd00::/8,192.0.2.7"}, nil},
		{"a network that is none", []string{"--tcp-proxy-from=10.0.0.0/8,10.0.0.0/33"}, []string{"--tcp-proxy-from", `"10.0.0.0/33"`}},
		{"a network of IPv4 as IPv6", []string{"--tcp-proxy-from=::ffff:10.0.0.0/104"}, []string{"--tcp-proxy-from"}},
		{"a name for a network", []string{"--tcp-proxy-from=proxy"}, []string{"--tcp-proxy-from", `"proxy"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := Load(tt.args, nil)
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("error %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestProxyNetworks_AnAddressStandsForItself(t *testing.T) {
	t.Parallel()
	got, err := TCP{TCPProxyFrom: []string{"10.1.2.3/8", "192.0.2.7", "fd00::/8"}}.ProxyNetworks()
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("fd00::/8")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}
