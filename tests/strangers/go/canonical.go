// The canonical form of RFC 8785, for values whose numbers are written as they came.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf16"
)

// Fields reads an object without changing its numbers.
func Fields(body []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var fields map[string]any
	return fields, decoder.Decode(&fields)
}

// Canonical writes a value with sorted keys and without spaces.
func Canonical(value any) string {
	switch it := value.(type) {
	case map[string]any:
		names := make([]string, 0, len(it))
		for name := range it {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int {
			return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		})
		text := "{"
		for place, name := range names {
			text += separator(place) + quoted(name) + ":" + Canonical(it[name])
		}
		return text + "}"
	case []any:
		text := "["
		for place, item := range it {
			text += separator(place) + Canonical(item)
		}
		return text + "]"
	case string:
		return quoted(it)
	case nil:
		return "null"
	default:
		return fmt.Sprint(it)
	}
}

func separator(place int) string {
	if place == 0 {
		return ""
	}
	return ","
}

func quoted(text string) string {
	result := `"`
	for _, char := range text {
		switch {
		case char == '"' || char == '\\':
			result += `\` + string(char)
		case char >= 0x20:
			result += string(char)
		case char == '\b' || char == '\t' || char == '\n' || char == '\f' || char == '\r':
			result += `\` + string("btn_fr"[char-'\b'])
		default:
			result += fmt.Sprintf(`\u%04x`, char)
		}
	}
	return result + `"`
}

// Digest computes the digest of a published request, as the contract describes it.
func Digest(request map[string]any) string {
	covered := map[string]any{"title": request["title"], "details": request["details"]}
	if request["action"] != nil {
		covered["action"] = request["action"]
	}
	if fmt.Sprint(request["digest_version"]) == "2" {
		covered = map[string]any{}
		for _, name := range []string{
			"title", "details", "action", "policy", "severity", "requester", "on_behalf_of",
			"workflow", "workflow_id", "run_id", "request_id",
		} {
			covered[name] = request[name]
		}
	}
	digest := sha256.Sum256([]byte(Canonical(covered)))
	return hex.EncodeToString(digest[:])
}
