// Graylog's own GELF reader, printing each message as a line of JSON: reader udp|tcp ADDRESS
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/Graylog2/go-gelf/gelf"
)

func main() {
	next, err := gelf.Open(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := make(chan []byte, 10000)
	go func() {
		for {
			m, err := next()
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				continue
			}
			line, _ := json.Marshal(map[string]interface{}{
				"version": m.Version, "host": m.Host, "short": m.Short, "full": m.Full,
				"time": m.TimeUnix, "level": m.Level, "extra": m.Extra,
			})
			lines <- line
		}
	}()
	fmt.Fprintln(os.Stderr, "reading")
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	for {
		select {
		case line := <-lines:
			out.Write(line)
			out.WriteByte('\n')
		case <-time.After(50 * time.Millisecond):
			out.Flush()
		}
	}
}
