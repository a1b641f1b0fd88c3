// Writes what Kubernetes' own libraries answer, as test data for crates/objects.
//
// Usage: go run ./oracle OUTPUT_FOLDER [SEEDS]. With SEEDS, that many rounds of random objects are written
// instead of one (for a longer comparison than the committed one).
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strconv"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: go run ./oracle OUTPUT_FOLDER [SEEDS]")
	}
	seeds := 1
	if len(os.Args) > 2 {
		parsed, err := strconv.Atoi(os.Args[2])
		must(err)
		seeds = parsed
	}
	must(apiextensions.AddToScheme(scheme.Scheme))
	must(apiregistration.AddToScheme(scheme.Scheme))

	write("objects.jsonl", randomObjects(seeds))
	write("decode.jsonl", decodeCases())
	write("quantities.jsonl", quantityCases())
	write("strategic.jsonl", strategicCases())
	write("apply.jsonl", applyCases(seeds))
	write("names.jsonl", nameCases())
	write("selectors.jsonl", selectorCases())
	write("pod_security.jsonl", podSecurityCases(seeds))
}

// write puts one JSON value on each line.
func write[T any](name string, lines []T) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, line := range lines {
		must(encoder.Encode(line))
	}
	must(os.WriteFile(filepath.Join(os.Args[1], name), out.Bytes(), 0o644))
	log.Printf("%s: %d cases, %d bytes", name, len(lines), out.Len())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
