package redisconn

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// IOTimeout is the patience with a slow server. Whoever does not want to wait for
// so long gives a context that ends earlier.
const IOTimeout = 2 * time.Second

const dialTimeout = time.Second

// Server says how to connect.
type Server struct {
	options redis.UniversalOptions
	// mayBeCluster is true for a single address that nobody has called a cluster:
	// the server has to be asked.
	mayBeCluster bool
}

// Parse reads a URL that says where Redis is. Its errors do not repeat it, as it
// may hold a password.
//
//	redis://[user:password@]host:port      one server, or a server of a cluster:
//	                                       it is asked what it is
//	rediss://…                             the same with TLS; skip_verify=true
//	                                       in the query does not check certificates
//	unix://[user:password@]/path           one server on a unix socket
//	redis://host:port?addr=host:port&…     a cluster, by some of its servers
//	redis://host:port?cluster=true         a cluster that does not tell
//	redis://host:port?master_name=…        Sentinel, more of them as addr=…;
//	                                       user and password there are those of
//	                                       Sentinel, and username=…&password=…
//	                                       in the query those of Redis
//
// A client_name is used, and other parameters of go-redis are not.
func Parse(raw string) (*Server, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("the Redis URL cannot be parsed")
	}
	query := u.Query()
	master, more, isCluster := query.Get("master_name"), query["addr"], query.Get("cluster") == "true"
	query.Del("cluster")
	u.RawQuery = query.Encode()
	if master != "" {
		return parseSentinel(u)
	}
	query.Del("addr")
	u.RawQuery = query.Encode()
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, errors.New("the Redis URL is not valid: " + withoutURL(err))
	}
	s := &Server{options: redis.UniversalOptions{
		Addrs: append([]string{o.Addr}, more...), DB: o.DB,
		Username: o.Username, Password: o.Password,
		TLSConfig: o.TLSConfig, ClientName: o.ClientName,
	}}
	s.options.IsClusterMode = isCluster || len(more) > 0
	s.mayBeCluster = !s.options.IsClusterMode
	s.fill()
	return s, nil
}

func parseSentinel(u *url.URL) (*Server, error) {
	o, err := redis.ParseFailoverURL(u.String())
	if err != nil {
		return nil, errors.New("the Redis URL is not valid: " + withoutURL(err))
	}
	s := &Server{options: redis.UniversalOptions{
		Addrs: o.SentinelAddrs, MasterName: o.MasterName, DB: o.DB,
		SentinelUsername: o.SentinelUsername, SentinelPassword: o.SentinelPassword,
		Username: o.Username, Password: o.Password,
		TLSConfig: o.TLSConfig, ClientName: o.ClientName,
	}}
	s.fill()
	return s, nil
}

// withoutURL is the text of err, which is of the library and may quote the URL.
func withoutURL(err error) string {
	if broken, ok := errors.AsType[*url.Error](err); ok {
		return broken.Err.Error()
	}
	return strings.TrimPrefix(err.Error(), "redis: ")
}

// fill adds what does not come from the URL.
func (s *Server) fill() {
	o := &s.options
	o.Protocol = 2      // all that we need
	o.MaxRetries = -1   // a command that failed may have been done
	o.DialerRetries = 1 // we space attempts out ourselves
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = dialTimeout, IOTimeout, IOTimeout
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if o.TLSConfig != nil {
		o.TLSConfig = o.TLSConfig.Clone()
		o.TLSConfig.ServerName = "" // each server has its own, which the address says
	}
}

// Connect returns a client, which the caller closes, and whether it is of a
// cluster. It contacts the server only where it has to ask for that; the error is
// then that of the network.
func (s *Server) Connect(ctx context.Context) (client redis.UniversalClient, isCluster bool, err error) {
	options := s.options
	if s.mayBeCluster {
		if options.IsClusterMode, err = s.askCluster(ctx); err != nil {
			return nil, false, err
		}
	}
	return redis.NewUniversalClient(&options), options.IsClusterMode, nil
}

func (s *Server) askCluster(ctx context.Context) (bool, error) {
	client := redis.NewClient(s.options.Simple())
	defer client.Close()
	info, err := client.Info(ctx, "cluster").Result()
	switch {
	case err == nil:
		return strings.Contains(info, "cluster_enabled:1"), nil
	case redis.HasErrorPrefix(err, "NOPERM"), redis.HasErrorPrefix(err, "ERR unknown command"):
		return false, nil // a server that does not tell; ?cluster=true says so for it
	}
	return false, err
}

// Reload lets a cluster client find out which server has which slot.
func Reload(ctx context.Context, client redis.UniversalClient) {
	if cluster, ok := client.(*redis.ClusterClient); ok {
		cluster.ReloadState(ctx)
	}
}
