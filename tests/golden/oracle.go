// The lines that go-audit 1.2.0 would write for the records of a .records file: written from its documented
// behaviour alone, in its own language and with its own JSON encoder, so that nothing of ringaudit's code is in it.
//
// Usage: oracle PASSWD FILE.records > FILE.jsonl
// The form of a .records file is told in main.rs.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

type message struct {
	Type int    `json:"type"`
	Data string `json:"data"`
}

type event struct {
	Sequence  int               `json:"sequence"`
	Timestamp string            `json:"timestamp"`
	Messages  []message         `json:"messages"`
	Users     map[string]string `json:"uid_map"`
}

var (
	names   = map[int]string{}
	pending []*event // in the order of their first records
	out     = bufio.NewWriter(os.Stdout)
)

const endOfEvent = 1320

func main() {
	if len(os.Args) != 3 {
		fail("usage: oracle PASSWD FILE.records")
	}
	readNames(os.Args[1])
	file, err := os.ReadFile(os.Args[2])
	check(err)
	lowest, highest := 0, 65535
	for _, line := range strings.Split(string(file), "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line == "@timeout":
			completeAll()
		case strings.HasPrefix(line, "@types "):
			_, err := fmt.Sscanf(line, "@types %d %d", &lowest, &highest)
			check(err)
		default:
			kind, text, found := strings.Cut(line, " ")
			number, err := strconv.Atoi(kind)
			check(err)
			if !found {
				fail("no text: " + line)
			}
			take(number, unescape(text), lowest, highest)
		}
	}
	completeAll()
	check(out.Flush())
}

// take deals with one record as it comes from the kernel.
func take(kind int, text []byte, lowest, highest int) {
	end := bytes.IndexByte(text, ')')
	if end < 7 || string(text[:6]) != "audit(" {
		return // go-audit reads such a record as serial 0 and throws it away
	}
	stamp, serial, found := strings.Cut(string(text[6:end]), ":")
	sequence, err := strconv.Atoi(serial)
	if !found || err != nil || sequence == 0 || kind < lowest || kind > highest {
		return
	}
	place := -1
	for index, one := range pending {
		if one.Sequence == sequence {
			place = index
		}
	}
	if kind == endOfEvent {
		if place >= 0 {
			write(pending[place])
			pending = append(pending[:place], pending[place+1:]...)
		}
		return
	}
	if place < 0 {
		pending = append(pending, &event{sequence, stamp, nil, map[string]string{}})
		place = len(pending) - 1
	}
	data := string(text[end+3:])
	pending[place].Messages = append(pending[place].Messages, message{kind, data})
	if kind != 1306 && kind != 1307 && kind != 1309 {
		mapUsers(pending[place].Users, data)
	}
}

// mapUsers finds every "uid=", inside other words too.
func mapUsers(users map[string]string, data string) {
	for {
		_, rest, found := strings.Cut(data, "uid=")
		if !found {
			return
		}
		value, after, blank := strings.Cut(rest, " ")
		if !blank && len(value) > 5 {
			return
		}
		users[value] = "UNKNOWN_USER"
		if id, err := strconv.Atoi(value); err == nil {
			if name, known := names[id]; known {
				users[value] = name
			}
		}
		data = after
	}
}

func completeAll() {
	for _, one := range pending {
		write(one)
	}
	pending = nil
}

func write(one *event) {
	line, err := json.Marshal(one)
	check(err)
	out.Write(shortEscapes(line))
	out.WriteByte('\n')
}

// shortEscapes gives backspace and form feed the form that encoding/json gives them since Go 1.22 (Debian 12 has 1.19).
func shortEscapes(line []byte) []byte {
	var result []byte
	for len(line) > 0 {
		switch {
		case bytes.HasPrefix(line, []byte(`\u0008`)):
			result, line = append(result, `\b`...), line[6:]
		case bytes.HasPrefix(line, []byte(`\u000c`)):
			result, line = append(result, `\f`...), line[6:]
		case line[0] == '\\': // and what it escapes, which may be another backslash
			result, line = append(result, line[:2]...), line[2:]
		default:
			result, line = append(result, line[0]), line[1:]
		}
	}
	return result
}

// unescape reads the text of a record: \\, \n, and \xHH for any byte.
func unescape(text string) []byte {
	var result []byte
	for len(text) > 0 {
		switch {
		case strings.HasPrefix(text, `\\`):
			result, text = append(result, '\\'), text[2:]
		case strings.HasPrefix(text, `\n`):
			result, text = append(result, '\n'), text[2:]
		case strings.HasPrefix(text, `\x`):
			number, err := strconv.ParseUint(text[2:4], 16, 8)
			check(err)
			result, text = append(result, byte(number)), text[4:]
		case text[0] == '\\':
			fail("unknown escape: " + text)
		default:
			result, text = append(result, text[0]), text[1:]
		}
	}
	return result
}

// readNames reads a passwd file; of two names of one id the first one counts.
func readNames(path string) {
	file, err := os.ReadFile(path)
	check(err)
	for _, line := range strings.Split(string(file), "\n") {
		fields := strings.Split(line, ":")
		if len(fields) < 4 {
			continue
		}
		if id, err := strconv.Atoi(fields[2]); err == nil {
			if _, known := names[id]; !known {
				names[id] = fields[0]
			}
		}
	}
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, "oracle: "+text)
	os.Exit(1)
}
