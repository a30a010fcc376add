package e2e

import "sync"

// together makes n calls at once and returns their outcomes in order. call must
// not end the test.
func together[T any](n int, call func(i int) T) []T {
	all := make([]T, n)
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			all[i] = call(i)
		})
	}
	done.Wait()
	return all
}
