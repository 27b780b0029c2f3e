// A stranger's program: it publishes an event, watches for the approval request of its run, checks and signs the digest,
// and prints the receipt and the end of the run. Its types are generated from the published schemas.
//
// stranger NATS_URL PUBLISHER_SEED BOT_SEED APPROVER_KEY EVENT_ID
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(server, publisherSeed, botSeed, keyFile, eventID string) error {
	key, err := readKey(keyFile)
	if err != nil {
		return err
	}
	bot, err := Connect(server, botSeed)
	if err != nil {
		return err
	}
	for _, subject := range []string{"approvals.requested.>", "receipts.>", "progress.>"} {
		if err := bot.Subscribe(subject); err != nil {
			return err
		}
	}
	if err := publishEvent(server, publisherSeed, eventID); err != nil {
		return err
	}
	decisionID := ""
	for {
		message, err := bot.Next()
		if err != nil {
			return err
		}
		switch strings.SplitN(message.Subject, ".", 2)[0] {
		case "approvals":
			decisionID, err = decide(bot, message, strings.TrimSuffix(filepath.Base(keyFile), ".pem"), key)
		case "receipts":
			var receipt Receipt
			err = json.Unmarshal(message.Body, &receipt)
			if receipt.DecisionID == decisionID && *receipt.Code != "waiting" {
				fmt.Println(*receipt.Code)
			}
		case "progress":
			var fact Progress
			err = json.Unmarshal(message.Body, &fact)
			if fact.Kind == "completed" {
				fmt.Println(fact.Result)
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

func publishEvent(server, seed, id string) error {
	publisher, err := Connect(server, seed)
	if err != nil {
		return err
	}
	inbox := "_INBOX." + rand.Text()
	if err := publisher.Subscribe(inbox); err != nil {
		return err
	}
	headers := map[string]string{
		"ce-specversion": "1.0", "ce-id": id, "ce-type": "people.arrived", "ce-source": "https://go.example",
		"ce-datacontenttype": "application/json", "Nats-Msg-Id": id,
	}
	if err := publisher.Publish("events.people.arrived", inbox, headers, []byte(`{"name": "Ada"}`)); err != nil {
		return err
	}
	acknowledged, err := publisher.Next()
	if err == nil && !strings.Contains(string(acknowledged.Body), `"stream":"EVENTS"`) {
		return fmt.Errorf("the event is not stored: %s", acknowledged.Body)
	}
	return err
}

// decide signs the digest that it computed from what the request shows, and returns the id of its decision.
func decide(bot *Client, message Message, approver string, key ed25519.PrivateKey) (string, error) {
	var request ApprovalRequested
	if err := json.Unmarshal(message.Body, &request); err != nil {
		return "", err
	}
	shown, err := Fields(message.Body)
	if err != nil {
		return "", err
	}
	if Digest(shown) != request.Digest {
		return "", fmt.Errorf("the digest of %s is not that of what it shows", request.RequestID)
	}
	public := sha256.Sum256(key.Public().(ed25519.PublicKey))
	decision := Decision{
		RequestID: request.RequestID, Decision: "approve", Approver: approver, Digest: request.Digest,
		FirstRunID: request.FirstRunID, Nonce: rand.Text(), KeyID: hex.EncodeToString(public[:])[:16],
	}
	body, err := json.Marshal(decision)
	if err != nil {
		return "", err
	}
	fields, err := Fields(body) // what is sent is what is signed, null for null
	if err != nil {
		return "", err
	}
	delete(fields, "signature")
	fields["signature"] = base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(Canonical(fields))))
	subject := message.Subject[strings.LastIndex(message.Subject, ".")+1:]
	err = bot.Publish("decisions."+subject, "", nil, []byte(Canonical(fields)))
	return fmt.Sprintf("%s.%s.%s", request.RequestID, approver, decision.Nonce), err
}

func readKey(file string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return key.(ed25519.PrivateKey), nil
}
