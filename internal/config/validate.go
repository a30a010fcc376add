package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	minTimer       = 100 * time.Millisecond
	maxPresenceTTL = time.Hour
	minAdminKey    = 16
	maxAdminKey    = 512
	appKeyPrefix   = "gim_"  // an admin key must not look like an app key
	maxSendRate    = 1 << 20 // of a user, messages a second; more is no limit at all
	maxDeliveries  = 1 << 28 // of a group or an app, a second; more is no limit at all
)

// Validate checks what the type of a setting cannot say. The error names every
// setting that is wrong and what is allowed; it repeats no secret.
func (c *Config) Validate() error {
	return errors.Join(
		c.validateRoles(),
		validateAddr("rest-addr", c.RESTAddr),
		validateAddr("admin-addr", c.AdminAddr),
		c.validateTCP(),
		validateRedis(c.RedisURL),
		validateOrigins(c.AllowedOrigins),
		c.validateAccess(),
		validateTimer("heartbeat", c.Heartbeat),
		validateTimer("sign-in-timeout", c.SignInTimeout),
		validateTimer("presence-ttl", c.PresenceTTL),
		validatePresence(c.PresenceTTL),
		validateTimer("drain-timeout", c.DrainTimeout),
		validateTimer("trace-keep", c.TraceKeep),
		c.validateDemo(),
		c.Storage.validate(),
	)
}

// Has reports whether this process plays a role.
func (c *Config) Has(role string) bool { return slices.Contains(c.Roles, role) }

func (s Storage) validate() error {
	if s.DataDir == "" {
		return wrong("data-dir", "must not be empty")
	}
	return nil
}

func (c *Config) validateRoles() error {
	allowed := []string{RoleREST, RoleWS, RoleTCP}
	if len(c.Roles) == 0 {
		return wrong("roles", "must name at least one of %s", strings.Join(allowed, ", "))
	}
	for i, role := range c.Roles {
		switch {
		case !slices.Contains(allowed, role):
			return wrong("roles", "knows no %q; allowed are %s", role, strings.Join(allowed, ", "))
		case slices.Contains(c.Roles[:i], role):
			return wrong("roles", "names %s twice", role)
		}
	}
	return nil
}

func validateAddr(name, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return wrong(name, "must be HOST:PORT like 127.0.0.1:8080, not %q", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return wrong(name, "must end with a port from 0 to 65535, not %q", port)
	} else if n == 0 {
		return nil // any free one
	}
	return nil
}

func validateRedis(s Secret) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s.Reveal())
	if err != nil || !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme) {
		return wrong("redis-url", "must be like redis://host:6379/0 (rediss:// for TLS, unix:// for a socket)")
	}
	return nil
}

func validateOrigins(origins []string) error {
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || strings.Contains(o, "*") || (u.Scheme != "https" && u.Scheme != "http") || u.Scheme+"://"+u.Host != o {
			return wrong("allowed-origins", "must be scheme and host like https://chat.example.com, without a path or *; %q is not", o)
		}
	}
	return nil
}

func (c *Config) validateAccess() error {
	var problems []error
	if key := c.AdminKey.Reveal(); key != "" {
		switch {
		case len(key) < minAdminKey || len(key) > maxAdminKey:
			problems = append(problems, wrong("admin-key", "must have %d to %d characters", minAdminKey, maxAdminKey))
		case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' }):
			problems = append(problems, wrong("admin-key", "may contain only visible ASCII characters, and no comma"))
		case strings.HasPrefix(key, appKeyPrefix):
			problems = append(problems, wrong("admin-key", "must not start with %s, as app keys do", appKeyPrefix))
		}
	}
	if c.SecretKey != "" {
		if _, err := DecodeSecretKey(c.SecretKey.Reveal()); err != nil {
			problems = append(problems, wrong("secret-key", "%w", err))
		}
	}
	problems = append(problems,
		validateRate("rate-limit-sends", c.RateLimitSends, maxSendRate),
		validateRate("rate-limit-group", c.RateLimitGroup, maxDeliveries),
		validateRate("rate-limit-app", c.RateLimitApp, maxDeliveries))
	for name, n := range map[string]int{
		"max-connections-per-address": c.MaxConnectionsPerAddress, "max-connections-per-app": c.MaxConnectionsPerApp,
	} {
		if n < 0 {
			problems = append(problems, wrong(name, "must not be negative; 0 is no limit"))
		}
	}
	return errors.Join(problems...)
}

func validateRate(name string, n, most int) error {
	if n < 0 || n > most {
		return wrong(name, "must be between 0 (no limit) and %d, not %d", most, n)
	}
	return nil
}

func validateTimer(name string, d time.Duration) error {
	if d < minTimer {
		return wrong(name, "must be at least %s, not %s", minTimer, d)
	}
	return nil
}

func validatePresence(ttl time.Duration) error {
	if ttl > maxPresenceTTL {
		return wrong("presence-ttl", "must be at most %s, not %s", maxPresenceTTL, ttl)
	}
	return nil
}

// validateDemo keeps the demo, where anyone may sign in, on this machine.
func (c *Config) validateDemo() error {
	if !c.Demo {
		return nil
	}
	if !c.Has(RoleREST) || !c.Has(RoleWS) {
		return wrong("demo", "needs the roles rest and ws")
	}
	if host, _, err := net.SplitHostPort(c.RESTAddr); err == nil && !isLoopback(host) {
		return wrong("demo", "lets anyone in who reaches it, so --rest-addr must be a loopback address like 127.0.0.1:8080, not %q", c.RESTAddr)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func wrong(name, format string, args ...any) error {
	return fmt.Errorf("--"+name+" "+format, args...)
}
