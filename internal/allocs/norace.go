//go:build !race

package allocs

const isRace = false
