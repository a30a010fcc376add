package chat

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Text returns what a message says: a text as it is, news as EventLine has them,
// with times in UTC, anything else as a line in brackets. It is clean (see
// Clean), and may have several lines.
func (m *Message) Text() string {
	switch {
	case m.IsEvent():
		return m.EventLine(clock)
	case m.Status == Recalled:
		return "[recalled]"
	}
	var c content
	if json.Unmarshal(m.Content, &c) != nil {
		return "[" + CleanLine(m.Type) + "]" // of a form that is not known here
	}
	switch m.Type {
	case "text":
		return Clean(c.Text)
	case "face":
		return brackets("sticker", c.FaceID)
	case "voice":
		return brackets("voice", seconds(c.Duration))
	case "image":
		return brackets("image", pixels(c.Width, c.Height), c.URL)
	case "file":
		name := c.Name
		if name == "" {
			name = path.Base(c.URL)
		}
		return brackets("file", name, fileSize(c.Size))
	case "location":
		return brackets("location", c.Desc, place(c.Latitude, c.Longitude))
	case "command":
		return brackets("command", strconv.FormatInt(c.Code, 10))
	case "custom":
		return brackets("custom", string(m.Content))
	}
	return brackets(m.Type)
}

// content has the fields of all types, as openapi.yaml describes them.
type content struct {
	Text      string   `json:"text"`
	FaceID    string   `json:"face_id"`
	Duration  float64  `json:"duration"`
	Width     int64    `json:"width"`
	Height    int64    `json:"height"`
	URL       string   `json:"url"`
	Name      string   `json:"name"`
	Size      int64    `json:"size"`
	Desc      string   `json:"desc"`
	Latitude  *float64 `json:"latitude"`
	Longitude *float64 `json:"longitude"`
	Code      int64    `json:"code"`
}

// described is how many characters of one part of a description are shown.
const described = 60

// brackets makes a line of a kind and what is known about it.
func brackets(kind string, parts ...string) string {
	line := []string{CleanLine(kind)}
	for _, part := range parts {
		if part = short(part); part != "" {
			line = append(line, part)
		}
	}
	return "[" + strings.Join(line, " ") + "]"
}

// short cleans a text for a description and cuts it to what is shown there.
func short(text string) string {
	text = CleanLine(text)
	if runes := []rune(text); len(runes) > described {
		return string(runes[:described-1]) + "…"
	}
	return text
}

func seconds(n float64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatFloat(n, 'f', -1, 64) + " s"
}

func pixels(width, height int64) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	return fmt.Sprintf("%d×%d", width, height)
}

func place(latitude, longitude *float64) string {
	if latitude == nil || longitude == nil {
		return ""
	}
	return fmt.Sprintf("%.5f,%.5f", *latitude, *longitude)
}

// fileSize writes a size in bytes as people do.
func fileSize(n int64) string {
	if n <= 0 {
		return ""
	}
	size, unit := float64(n), 0
	units := []string{"B", "KB", "MB", "GB", "TB", "PB", "EB"}
	for size >= 1000 && unit < len(units)-1 {
		size, unit = size/1000, unit+1
	}
	if unit == 0 || size >= 10 {
		return fmt.Sprintf("%.0f %s", size, units[unit])
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}
