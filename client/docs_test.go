package client_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestDocs_ShowTheExamples compares docs/sdk-go.md with the examples, which run.
func TestDocs_ShowTheExamples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/sdk-go.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "example_test.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "Example") {
			continue
		}
		examples++
		body := string(source[files.Position(f.Body.Lbrace).Offset+2 : files.Position(f.Body.Rbrace).Offset])
		body, _, _ = strings.Cut(body, "\t// Output:")
		code := strings.ReplaceAll("\n"+body, "\n\t", "\n")
		if !strings.Contains(string(page), "```go"+code+"```") {
			t.Errorf("docs/sdk-go.md does not show the body of %s:\n%s", f.Name.Name, code)
		}
	}
	if shown := strings.Count(string(page), "```go"); examples == 0 || shown != examples {
		t.Errorf("docs/sdk-go.md shows %d pieces of Go, and there are %d examples", shown, examples)
	}
}
