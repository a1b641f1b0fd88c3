// Prints the facts of Kubernetes' built-in kinds as the Rust tables of crates/objects/src/generated.
//
// Sources: the Go types of k8s.io/api and its sisters by reflection (JSON and protobuf tags), the OpenAPI
// documents and the discovery documents in the k8s.io/kubernetes module (required, defaults, list and map
// types, patch strategies; names, scope, verbs, subresources). Only facts are taken, no descriptions.
//
// Usage: go run . OUTPUT_FOLDER
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// kubernetes is the module whose documents are read; it is downloaded, never built.
const kubernetes = "k8s.io/kubernetes@v1.37.1"

// groupVersion names one served API; group is empty for the core group.
type groupVersion struct{ group, version string }

func (gv groupVersion) String() string {
	if gv.group == "" {
		return gv.version
	}
	return gv.group + "/" + gv.version
}

// stable matches the versions that are served without being asked for: alpha and beta ones are off by default.
var stable = regexp.MustCompile(`^v[0-9]+$`)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run . OUTPUT_FOLDER")
	}
	output := os.Args[1]
	api := filepath.Join(moduleFolder(), "api")

	kinds, versions := readDiscovery(filepath.Join(api, "discovery"))
	model := newModel(readOpenAPI(filepath.Join(api, "openapi-spec", "v3"), versions))
	tops := model.addTopLevel(versions)

	write(filepath.Join(output, "types.rs"), renderTypes(model))
	write(filepath.Join(output, "kinds.rs"), renderKinds(model, kinds, tops, versions))
	log.Printf("%d group-versions, %d kinds, %d types", len(versions), len(kinds), len(model.order))
}

func write(path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		log.Fatal(err)
	}
}

// moduleFolder downloads the kubernetes module into Go's module cache and returns where it lies.
func moduleFolder() string {
	text, err := exec.Command("go", "mod", "download", "-json", kubernetes).Output()
	if err != nil {
		log.Fatalf("go mod download %s: %v %s", kubernetes, err, text)
	}
	var answer struct{ Dir string }
	if err := json.Unmarshal(text, &answer); err != nil {
		log.Fatal(err)
	}
	return answer.Dir
}

func readJSON(path string, into any) {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		log.Fatalf("%s: %v", path, err)
	}
}

// served is one entry of a discovery document.
type served struct {
	Name         string   `json:"name"`
	SingularName string   `json:"singularName"`
	Namespaced   bool     `json:"namespaced"`
	Group        string   `json:"group"`
	Version      string   `json:"version"`
	Kind         string   `json:"kind"`
	Verbs        []string `json:"verbs"`
	ShortNames   []string `json:"shortNames"`
	Categories   []string `json:"categories"`

	gv           groupVersion
	subresources []served
	preferred    bool
	storage      bool
}

// readDiscovery reads the resources of every group-version that is served by default.
func readDiscovery(folder string) ([]served, []groupVersion) {
	versions := []groupVersion{{"", "v1"}}
	preferred := map[string]string{"": "v1"}
	var groups struct {
		Groups []struct {
			Name             string
			Versions         []struct{ Version string }
			PreferredVersion struct{ Version string }
		}
	}
	readJSON(filepath.Join(folder, "apis.json"), &groups)
	for _, group := range groups.Groups {
		preferred[group.Name] = group.PreferredVersion.Version
		for _, version := range group.Versions {
			if stable.MatchString(version.Version) {
				versions = append(versions, groupVersion{group.Name, version.Version})
			}
		}
	}
	sort.Slice(versions, func(a, b int) bool {
		if versions[a].group != versions[b].group {
			return versions[a].group < versions[b].group
		}
		return versions[a].version < versions[b].version
	})

	var kinds []served
	for _, gv := range versions {
		name := "apis__" + gv.group + "__" + gv.version + ".json"
		if gv.group == "" {
			name = "api__v1.json"
		}
		var document struct{ Resources []served }
		readJSON(filepath.Join(folder, name), &document)
		sort.Slice(document.Resources, func(a, b int) bool { return document.Resources[a].Name < document.Resources[b].Name })
		byName := map[string]int{}
		for _, one := range document.Resources {
			one.gv = gv
			sort.Strings(one.Verbs)
			parent, child, isChild := strings.Cut(one.Name, "/")
			if isChild {
				one.Name = child
				at := byName[parent]
				kinds[at].subresources = append(kinds[at].subresources, one)
				continue
			}
			one.preferred = preferred[gv.group] == gv.version
			// Events of both groups are one resource, stored in the core group's form.
			one.storage = one.preferred && gv.group != "events.k8s.io"
			byName[one.Name] = len(kinds)
			kinds = append(kinds, one)
		}
	}
	return kinds, versions
}

// schema is the part of an OpenAPI v3 schema that carries facts.
type schema struct {
	Ref                  string            `json:"$ref"`
	AllOf                []schema          `json:"allOf"`
	Type                 string            `json:"type"`
	Default              json.RawMessage   `json:"default"`
	Properties           map[string]schema `json:"properties"`
	Items                *schema           `json:"items"`
	AdditionalProperties *schema           `json:"additionalProperties"`
	Required             []string          `json:"required"`
	ListType             string            `json:"x-kubernetes-list-type"`
	ListMapKeys          []string          `json:"x-kubernetes-list-map-keys"`
	MapType              string            `json:"x-kubernetes-map-type"`
	PatchStrategy        string            `json:"x-kubernetes-patch-strategy"`
	PatchMergeKey        string            `json:"x-kubernetes-patch-merge-key"`
}

// readOpenAPI reads the definitions of every group-version, by model name.
func readOpenAPI(folder string, versions []groupVersion) map[string]schema {
	all := map[string]schema{}
	for _, gv := range versions {
		name := "apis__" + gv.group + "__" + gv.version + "_openapi.json"
		if gv.group == "" {
			name = "api__v1_openapi.json"
		}
		var document struct {
			Components struct{ Schemas map[string]schema }
		}
		readJSON(filepath.Join(folder, name), &document)
		for name, one := range document.Components.Schemas {
			all[name] = one
		}
	}
	return all
}

func fail(format string, arguments ...any) {
	log.Fatal(fmt.Sprintf(format, arguments...))
}
