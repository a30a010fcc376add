package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/alecthomas/kong"
)

const (
	envPrefix  = "GIM_"
	envTests   = "GIM_TEST_" // settings of gim's own tests, not of gim
	fileFlag   = "config"    // names the file, so the file cannot hold it
	fileEnvVar = envPrefix + "CONFIG"
)

// Source gives a kong parser what the command line left open: from the
// environment, and below it from the YAML file that --config or GIM_CONFIG
// names. A variable that is empty counts as not set.
//
// It collects what is wrong and reports all of it at once, when kong validates.
type Source struct {
	environ  map[string]string
	settings []string // what a file may hold
	known    []string // flags that have a variable

	file     *file
	opened   bool
	problems []error
	warnings []string
}

// NewSource takes the environment as os.Environ gives it. Besides the settings
// of [Config], the flags named in extra can be set by environment.
func NewSource(environ []string, extra ...string) (*Source, error) {
	flags, err := flagsOf(&Config{})
	if err != nil {
		return nil, err
	}
	s := &Source{environ: make(map[string]string)}
	for _, f := range flags {
		s.settings = append(s.settings, f.Name)
	}
	s.known = append(append(s.known, s.settings...), extra...)
	s.known = append(s.known, fileFlag)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) && value != "" {
			s.environ[name] = value
		}
	}
	s.warnUnknown()
	return s, nil
}

var _ kong.Resolver = (*Source)(nil)

// warnUnknown notes variables that look like settings and are none.
func (s *Source) warnUnknown() {
	var unknown []string
	for name := range s.environ {
		if strings.HasPrefix(name, envTests) || slices.ContainsFunc(s.known, func(flag string) bool { return EnvVar(flag) == name }) {
			continue
		}
		unknown = append(unknown, name)
	}
	sort.Strings(unknown)
	for _, name := range unknown {
		s.warnings = append(s.warnings, "environment variable "+name+" is no setting and has no effect")
	}
}

// Warnings returns what is odd but no error.
func (s *Source) Warnings() []string { return s.warnings }

// EnvVar returns the environment variable of a flag.
func EnvVar(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Resolve implements kong.Resolver.
func (s *Source) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	s.open(ctx)
	if !slices.Contains(s.known, flag.Name) {
		return nil, nil
	}
	if value, ok := s.environ[EnvVar(flag.Name)]; ok {
		return s.check(flag, value, EnvVar(flag.Name)), nil
	}
	if s.file == nil || !slices.Contains(s.settings, flag.Name) {
		return nil, nil
	}
	value, where, ok, err := s.file.value(flag.Name)
	if err != nil {
		s.problems = append(s.problems, err)
	}
	if !ok || err != nil {
		return nil, nil
	}
	return s.check(flag, value, where), nil
}

// check returns value, or nil and notes a problem that says where value came
// from: kong would only name the flag.
func (s *Source) check(flag *kong.Flag, value, where string) any {
	target := reflect.New(flag.Target.Type()).Elem()
	err := flag.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: value}), target)
	if err == nil && flag.Enum != "" && !flag.EnumMap()[value] {
		err = fmt.Errorf("--%s must be one of %s, not %q", flag.Name, strings.Join(flag.EnumSlice(), ", "), value)
	}
	if err != nil {
		s.problems = append(s.problems, fmt.Errorf("%s: %w", where, err))
		return nil
	}
	return value
}

// open reads the file at the first question, when the command line is known.
func (s *Source) open(ctx *kong.Context) {
	if s.opened {
		return
	}
	s.opened = true
	name := s.environ[fileEnvVar]
	for _, path := range ctx.Path {
		if path.Flag != nil && path.Flag.Name == fileFlag {
			if given, ok := ctx.FlagValue(path.Flag).(string); ok {
				name = given
			}
		}
	}
	if name == "" {
		return
	}
	f, err := readFile(name)
	if err != nil {
		s.problems = append(s.problems, err)
		return
	}
	s.file = f
	s.problems = append(s.problems, f.unknown(s.settings)...)
}

// Validate implements kong.Resolver: it reports what [Source.Resolve] found.
func (s *Source) Validate(*kong.Application) error { return errors.Join(s.problems...) }

// Help is kong's help of a flag with its variable named, for kong.ValueFormatter.
func (s *Source) Help(value *kong.Value) string {
	if value.Flag == nil || !slices.Contains(s.known, value.Name) {
		return value.Help
	}
	return value.Help + " ($" + EnvVar(value.Name) + ")"
}

// Load parses args, which hold flags only, with environ and the file below
// them, and validates the result. It returns warnings beside it.
func Load(args, environ []string) (Config, []string, error) {
	var all struct {
		Config
		File string `name:"config"`
	}
	source, err := NewSource(environ)
	if err != nil {
		return Config{}, nil, err
	}
	parser, err := kong.New(&all, kong.Name("gim"), kong.Resolvers(source), kong.NoDefaultHelp())
	if err != nil {
		return Config{}, nil, err
	}
	_, err = parser.Parse(args)
	if err == nil {
		err = all.Config.Validate()
	}
	return all.Config, source.Warnings(), err
}

// flagsOf returns the settings of c in order, described by their struct tags
// and standing at the values they have in c.
func flagsOf(c *Config) ([]*kong.Flag, error) {
	parser, err := kong.New(c, kong.Name("gim"), kong.NoDefaultHelp())
	if err != nil {
		return nil, err
	}
	return parser.Model.Flags, nil
}
