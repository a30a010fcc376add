//go:build race

package allocs

const isRace = true
