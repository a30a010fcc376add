package bench

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Transports of messages and of connections.
const (
	REST      = "rest"
	WebSocket = "ws"
	TCP       = "tcp"
)

// Options are what all workloads share.
type Options struct {
	// URL is that of the REST API and the WebSocket. It may be a list with commas, of
	// several nodes: connections and sends are spread over them, and all else is asked
	// of the first.
	URL     string
	TCPAddr string // HOST:PORT, tcp://… or tls://…, or a list of them; only for TCP
	AppKey  string // of an app that may get many users

	Via     string // how messages are sent: REST, WebSocket or TCP
	Receive string // how they are received; "" is as they are sent, and WebSocket for REST

	Duration time.Duration // of what is measured in each round
	WarmUp   time.Duration // before it, and left out of the figures
	Patience time.Duration // what takes longer counts as lost; 0 is 10 seconds

	PIDs []int // processes of the server, whose CPU time and memory are read; may be empty

	Progress io.Writer // how far it is; nil is silent
	Terminal bool      // Progress can show a line that is written over

	urls, tcpAddrs *spread // what complete makes of URL and TCPAddr
}

// defaultPatience is far beyond any answer of a server that is well.
const defaultPatience = 10 * time.Second

// complete fills in what may be left open, or says what is missing.
func (o Options) complete() (Options, error) {
	if !slices.Contains([]string{REST, WebSocket, TCP}, o.Via) {
		return o, fmt.Errorf("messages can be sent by %s, %s and %s, not by %q", REST, WebSocket, TCP, o.Via)
	}
	if o.Receive == "" {
		o.Receive = o.Via
		if o.Via == REST {
			o.Receive = WebSocket
		}
	}
	if !slices.Contains([]string{WebSocket, TCP}, o.Receive) {
		return o, fmt.Errorf("messages can be received by %s and %s, not by %q", WebSocket, TCP, o.Receive)
	}
	if o.TCPAddr == "" && (o.Via == TCP || o.Receive == TCP) {
		return o, errors.New("the address for TCP is not given: --tcp-addr")
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	urls := strings.Split(o.URL, ",")
	for i := range urls {
		urls[i] = strings.TrimSuffix(urls[i], "/")
	}
	o.URL, o.urls, o.tcpAddrs = urls[0], newSpread(urls), newSpread(strings.Split(o.TCPAddr, ","))
	return o, nil
}

// address is what client.Dial takes for a transport, of another node each time.
func (o Options) address(transport string) string {
	if transport != TCP {
		return o.urls.next()
	}
	address := o.tcpAddrs.next()
	if strings.Contains(address, "://") {
		return address
	}
	return "tcp://" + address
}

// by names the way of a message for people.
func (o Options) by() string {
	if o.Via == o.Receive {
		return o.Via
	}
	return o.Via + "→" + o.Receive
}
