package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// goPackage is one directory with Go files, whatever build tags they carry.
type goPackage struct {
	dir   string // relative to the module, root for the top
	files []goFile
}

type goFile struct {
	path      string
	name      string // of the package, as declared
	doc       string // package comment
	test      bool
	generated bool
	lines     int
	imports   []string
	functions []function
	bare      []string // exported names without a doc comment
}

type function struct {
	name  string
	lines int
}

// load parses every Go file of the module below fsys.
func load(fsys fs.FS) ([]*goPackage, error) {
	var packages []*goPackage
	byDir := make(map[string]*goPackage)
	err := fs.WalkDir(fsys, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if file != root && isForeign(fsys, file) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		parsed, err := parse(fsys, file)
		if err != nil {
			return err
		}
		dir := path.Dir(file)
		if byDir[dir] == nil {
			byDir[dir] = &goPackage{dir: dir}
			packages = append(packages, byDir[dir])
		}
		byDir[dir].files = append(byDir[dir].files, parsed)
		return nil
	})
	return packages, err
}

// isForeign reports whether dir holds no packages of this module.
func isForeign(fsys fs.FS, dir string) bool {
	name := path.Base(dir)
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

func parse(fsys fs.FS, file string) (goFile, error) {
	source, err := fs.ReadFile(fsys, file)
	if err != nil {
		return goFile{}, err
	}
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, file, source, parser.ParseComments)
	if err != nil {
		return goFile{}, err
	}
	f := goFile{
		path:      file,
		name:      syntax.Name.Name,
		doc:       syntax.Doc.Text(),
		test:      strings.HasSuffix(file, "_test.go"),
		generated: ast.IsGenerated(syntax),
		lines:     strings.Count(string(source), "\n"),
	}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return goFile{}, err
		}
		f.imports = append(f.imports, imported)
	}
	for _, decl := range syntax.Decls {
		f.bare = append(f.bare, undocumented(decl)...)
		if fn, ok := decl.(*ast.FuncDecl); ok {
			lines := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
			f.functions = append(f.functions, function{fn.Name.Name, lines})
		}
	}
	return f, nil
}

// undocumented lists the exported names of decl that nothing explains. One
// comment may stand for a whole group of constants or variables.
func undocumented(decl ast.Decl) []string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && hasExportedReceiver(d) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				if s.Names[0].IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
					names = append(names, s.Names[0].Name)
				}
			}
		}
		return names
	}
	return nil
}

// hasExportedReceiver is true of functions too: they can be called from outside.
func hasExportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	receiver := fn.Recv.List[0].Type
	for {
		switch t := receiver.(type) {
		case *ast.StarExpr:
			receiver = t.X
		case *ast.IndexExpr: // one type parameter
			receiver = t.X
		case *ast.IndexListExpr: // several
			receiver = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return true
		}
	}
}
