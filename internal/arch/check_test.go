package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Each check returns what is wrong, one sentence a problem.

// checkImports holds p to mayImport.
func checkImports(p *goPackage) (problems []string) {
	allowed, known := mayImport[p.dir]
	if !known && !testOnly[p.dir] {
		return []string{fmt.Sprintf("%s is in no table: give it a row in internal/arch/rules_test.go", p.dir)}
	}
	for _, f := range p.files {
		for _, imported := range f.imports {
			target, ours := inModule(imported)
			if !ours || testOnly[p.dir] || slices.Contains(allowed, target) {
				continue
			}
			if f.test && (target == p.dir || testOnly[target] || slices.Contains(testsMayImport, target)) {
				continue
			}
			problems = append(problems, fmt.Sprintf("%s: %s may not import %s", f.path, p.dir, target))
		}
	}
	return problems
}

// inModule returns the path of one of our own packages relative to the module.
func inModule(imported string) (dir string, ok bool) {
	if imported == module {
		return root, true
	}
	return strings.CutPrefix(imported, module+"/")
}

// checkFences holds p to fences and standardLibraryOnly.
func checkFences(p *goPackage) (problems []string) {
	if testOnly[p.dir] {
		return nil
	}
	for _, f := range p.files {
		if f.test {
			continue
		}
		for _, imported := range f.imports {
			if _, ours := inModule(imported); ours {
				continue
			}
			if standardLibraryOnly[p.dir] && isThirdParty(imported) {
				problems = append(problems, fmt.Sprintf("%s: %s imports only the standard library, not %s", f.path, p.dir, imported))
			}
			if inside, fenced := fenceOf(imported); fenced && !slices.Contains(inside, p.dir) {
				problems = append(problems, fmt.Sprintf("%s: %s belongs in %s only", f.path, imported, strings.Join(inside, ", ")))
			}
		}
	}
	return problems
}

// isThirdParty goes by the dot that every module's host name has.
func isThirdParty(imported string) bool {
	host, _, _ := strings.Cut(imported, "/")
	return strings.Contains(host, ".")
}

func fenceOf(imported string) (inside []string, fenced bool) {
	for fence, packages := range fences {
		if imported == fence || strings.HasPrefix(imported, fence+"/") {
			return packages, true
		}
	}
	return nil, false
}

// checkName wants a name that says what the package is for.
func checkName(p *goPackage) (problems []string) {
	for _, name := range []string{path.Base(p.dir), p.files[0].name} {
		if vagueNames[strings.TrimSuffix(name, "_test")] {
			return []string{fmt.Sprintf("%s: the name %q does not say what the package is for", p.dir, name)}
		}
	}
	return nil
}

// checkDocs wants a package comment and a comment on each exported name.
func checkDocs(p *goPackage) (problems []string) {
	documented, onlyTests := false, true
	for _, f := range p.files {
		if f.test {
			continue
		}
		onlyTests = false
		// The comment of a command names the command instead.
		documented = documented || strings.HasPrefix(f.doc, "Package "+f.name+" ") || f.name == "main" && f.doc != ""
		if f.generated {
			continue
		}
		for _, name := range f.bare {
			problems = append(problems, fmt.Sprintf("%s: %s has no doc comment", f.path, name))
		}
	}
	if !documented && !onlyTests {
		problems = append(problems, fmt.Sprintf("%s has no package comment", p.dir))
	}
	return problems
}

// checkSizes keeps files and functions short enough to be read at once.
func checkSizes(p *goPackage) (problems []string) {
	for _, f := range p.files {
		if f.generated {
			continue
		}
		if f.lines > maxFileLines {
			problems = append(problems, fmt.Sprintf("%s has %d lines, more than %d: split it", f.path, f.lines, maxFileLines))
		}
		for _, fn := range f.functions {
			if !f.test && fn.lines > maxFunctionLines {
				problems = append(problems, fmt.Sprintf("%s: %s has %d lines, more than %d", f.path, fn.name, fn.lines, maxFunctionLines))
			}
		}
	}
	return problems
}
