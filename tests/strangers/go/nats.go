// A client for NATS in the standard library alone: it signs in with an nkey, publishes with headers and subscribes.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

// Message is one delivery.
type Message struct {
	Subject string
	Body    []byte
}

// Client is a connection; it is used by one goroutine.
type Client struct {
	conn   net.Conn
	reader *bufio.Reader
	lines  int
}

// Connect signs in with the nkey of a seed file.
func Connect(address, seedFile string) (*Client, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "nats://"))
	if err != nil {
		return nil, err
	}
	client := &Client{conn: conn, reader: bufio.NewReader(conn)}
	info, err := client.line()
	if err != nil {
		return nil, err
	}
	var greeting struct{ Nonce string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(info, "INFO ")), &greeting); err != nil {
		return nil, err
	}
	user, key, err := readSeed(seedFile)
	if err != nil {
		return nil, err
	}
	signature := base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(greeting.Nonce)))
	options, err := json.Marshal(map[string]any{
		"nkey": user, "sig": signature, "headers": true, "verbose": false, "lang": "go", "version": "0", "protocol": 1,
	})
	if err != nil {
		return nil, err
	}
	return client, client.write("CONNECT %s\r\nPING\r\n", options)
}

// readSeed returns the public nkey and the private key of a user's seed: base32 of two prefix bytes, the Ed25519
// seed and a CRC-16, as https://github.com/nats-io/nkeys describes it.
func readSeed(file string) (string, ed25519.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	encoding := base32.StdEncoding.WithPadding(base32.NoPadding)
	raw, err := encoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != 36 {
		return "", nil, fmt.Errorf("%s is not the seed of an nkey", file)
	}
	key := ed25519.NewKeyFromSeed(raw[2:34])
	public := append([]byte{20 << 3}, key.Public().(ed25519.PublicKey)...) // 20 << 3 is the prefix of users, "U"
	public = binary.LittleEndian.AppendUint16(public, crc16(public))
	return encoding.EncodeToString(public), key, nil
}

func crc16(data []byte) uint16 { // CCITT, polynomial 0x1021
	var crc uint16
	for _, octet := range data {
		crc ^= uint16(octet) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// Subscribe asks for the messages of a subject.
func (client *Client) Subscribe(subject string) error {
	client.lines++
	return client.write("SUB %s %d\r\n", subject, client.lines)
}

// Publish sends a message; reply is where JetStream acknowledges it.
func (client *Client) Publish(subject, reply string, headers map[string]string, body []byte) error {
	var block bytes.Buffer
	block.WriteString("NATS/1.0\r\n")
	for name, value := range headers {
		fmt.Fprintf(&block, "%s: %s\r\n", name, value)
	}
	block.WriteString("\r\n")
	return client.write("HPUB %s %s %d %d\r\n%s%s\r\n", subject, reply, block.Len(), block.Len()+len(body), block.String(), body)
}

// Next returns the next message, and an error that the server reports.
func (client *Client) Next() (Message, error) {
	for {
		line, err := client.line()
		if err != nil {
			return Message{}, err
		}
		words := strings.Fields(line)
		switch {
		case line == "PING":
			if err := client.write("PONG\r\n"); err != nil {
				return Message{}, err
			}
		case strings.HasPrefix(line, "-ERR"):
			return Message{}, fmt.Errorf("the server says: %s", line)
		case words[0] == "MSG" || words[0] == "HMSG":
			return client.body(words)
		}
	}
}

func (client *Client) body(words []string) (Message, error) {
	size, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		return Message{}, err
	}
	body := make([]byte, size+2)
	if _, err := io.ReadFull(client.reader, body); err != nil {
		return Message{}, err
	}
	headers := 0
	if words[0] == "HMSG" {
		headers, err = strconv.Atoi(words[len(words)-2])
	}
	return Message{words[1], body[headers:size]}, err
}

func (client *Client) line() (string, error) {
	line, err := client.reader.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

func (client *Client) write(format string, values ...any) error {
	_, err := fmt.Fprintf(client.conn, format, values...)
	return err
}
