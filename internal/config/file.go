package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file is a YAML file of settings: one mapping of names to scalars or lists of
// scalars. What is wrong is reported with its line.
type file struct {
	name   string
	keys   []*yaml.Node
	values map[string]*yaml.Node
}

func readFile(name string) (*file, error) {
	raw, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	f := &file{name: name, values: make(map[string]*yaml.Node)}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var doc yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return f, nil // nothing but comments
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: must hold one YAML document", name)
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return f, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: must hold settings, like \"rest-addr: 127.0.0.1:8080\"", name, top.Line)
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		if first, twice := f.values[key.Value]; twice {
			return nil, fmt.Errorf("%s:%d: %s was set in line %d already", name, key.Line, key.Value, first.Line)
		}
		f.keys = append(f.keys, key)
		f.values[key.Value] = value
	}
	return f, nil
}

// unknown reports the keys that are not in settings.
func (f *file) unknown(settings []string) (problems []error) {
	for _, key := range f.keys {
		if slices.Contains(settings, key.Value) {
			continue
		}
		hint := "; allowed are " + strings.Join(settings, ", ")
		if dashed := strings.ReplaceAll(key.Value, "_", "-"); slices.Contains(settings, dashed) {
			hint = "; it is called " + dashed
		}
		problems = append(problems, fmt.Errorf("%s:%d: unknown setting %q%s", f.name, key.Line, key.Value, hint))
	}
	return problems
}

// value returns the text of a setting as the command line would have it, and
// where it stands. ok is false when it is not set.
func (f *file) value(name string) (text, where string, ok bool, err error) {
	node := f.values[name]
	if node == nil {
		return "", "", false, nil
	}
	where = fmt.Sprintf("%s:%d", f.name, node.Line)
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return "", where, false, nil
	case node.Kind == yaml.ScalarNode:
		return node.Value, where, true, nil
	case node.Kind != yaml.SequenceNode:
		return "", where, false, fmt.Errorf("%s: %s must be a value or a list of values", where, name)
	}
	var items []string
	for _, item := range node.Content {
		if item.Kind != yaml.ScalarNode || strings.Contains(item.Value, ",") {
			return "", where, false, fmt.Errorf("%s:%d: %s must be a list of plain values", f.name, item.Line, name)
		}
		items = append(items, item.Value)
	}
	return strings.Join(items, ","), where, true, nil
}
