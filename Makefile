# Every target does its own set-up. `make` alone lists them.

TOOL := go tool -modfile=tools.mod
# All Go files that people write, also those not committed yet.
GO_FILES = $(shell git ls-files -co --exclude-standard -- '*.go' ':(exclude,attr:linguist-generated)')
# The release of golangci-lint that .golangci.yml is written for.
GOLANGCI_LINT_VERSION := v2.15.0
PLATFORMS := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64
FUZZTIME ?= 30s

.DEFAULT_GOAL := help
.PHONY: help run test test-short lint generate check vuln bench bench-go fuzz deps release $(PLATFORMS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start gim with a demo app (ARGS="--rest-addr :8080" adds flags)
	go run ./cmd/gim serve --demo $(ARGS)

test: ## run every test: race detector, SQLite and MariaDB, memory and Redis, browser
	scripts/test.sh

test-short: ## run the tests that need nothing but Go
	go test -short ./...

lint: ## report what the linters see (golangci-lint too, where it is installed)
	go vet ./...
	$(TOOL) staticcheck ./...
	@unformatted="$$($(TOOL) gofumpt -l $(GO_FILES))"; \
		test -z "$$unformatted" || { echo "not formatted, run gofumpt -w on:"; echo "$$unformatted"; exit 1; }
	@if command -v golangci-lint >/dev/null; then golangci-lint run; \
		else echo "golangci-lint is not installed and was left out; its version is $(GOLANGCI_LINT_VERSION)"; fi

generate: ## write the generated code anew from openapi.yaml and wire/gim.proto
	@command -v protoc >/dev/null || scripts/install-test-deps.sh
	@mkdir -p bin
	go build -o bin/ google.golang.org/protobuf/cmd/protoc-gen-go
	PATH="$(CURDIR)/bin:$$PATH" go generate ./...

check: ## fail on stale generated code, vet, staticcheck and gofmt findings
	scripts/check-generated.sh
	go vet ./...
	$(TOOL) staticcheck ./...
	@unformatted="$$(gofmt -l $(GO_FILES))"; \
		test -z "$$unformatted" || { echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; }

vuln: ## look for known vulnerabilities, where the database can be reached
	scripts/vuln.sh

bench: deps ## measure gim in short and compare with docs/targets.tsv (STORES=sqlite TRANSPORTS=tcp ...)
	scripts/bench-targets.sh

bench-go: ## run the Go benchmarks and compare with the recorded figures (RECORD=1 records)
	scripts/bench.sh

fuzz: ## run each fuzz target for FUZZTIME (30s)
	FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

deps: ## install what the tests need, if it is missing
	scripts/install-test-deps.sh

release: $(PLATFORMS) ## build static binaries for all platforms into bin/
	cd bin && sha256sum $(PLATFORMS:%=gim-%) > SHA256SUMS

$(PLATFORMS):
	@mkdir -p bin
	CGO_ENABLED=0 GOOS=$(firstword $(subst -, ,$@)) GOARCH=$(lastword $(subst -, ,$@)) \
		go build -trimpath -ldflags '-s -w' -o bin/gim-$@ ./cmd/gim
