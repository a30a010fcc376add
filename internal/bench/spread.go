package bench

import (
	"math/rand/v2"
	"sync"
)

// spread deals out nodes so that each has its turn before one has another, in no
// order, so that who sends and who receives are not always on the same ones.
type spread struct {
	nodes []string

	mu   sync.Mutex // guards left
	left []int      // who has not had this turn yet
}

func newSpread(nodes []string) *spread { return &spread{nodes: nodes} }

func (s *spread) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) == 0 {
		s.left = rand.Perm(len(s.nodes)) //nolint:gosec // not a secret
	}
	i := s.left[0]
	s.left = s.left[1:]
	return s.nodes[i]
}
