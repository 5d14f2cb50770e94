// Compiled into Graylog's package beside its own files, which stay as they are: its TCP reader has no exported name,
// and its UDP reader no way to ask for a larger receive buffer.
package gelf

import (
	"net"
	"syscall"
)

// Open gives the reader of a network ("udp" or "tcp") that listens at this address.
func Open(network, address string) (func() (*Message, error), error) {
	if network == "tcp" {
		r, _, _, err := newTCPReader(address)
		if err != nil {
			return nil, err
		}
		return r.readMessage, nil
	}
	r, err := NewReader(address)
	if err != nil {
		return nil, err
	}
	raw, err := r.conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		// SO_RCVBUFFORCE, which package syscall does not have.
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, 33, 64<<20)
	})
	if err == nil {
		err = failed
	}
	return r.ReadMessage, err
}
