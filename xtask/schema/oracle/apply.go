package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// applyStep is one write and what came of it.
type applyStep struct {
	Operation   string          `json:"operation"`
	Manager     string          `json:"manager"`
	Subresource string          `json:"subresource,omitempty"`
	Force       bool            `json:"force,omitempty"`
	Object      json.RawMessage `json:"object"`
	Result      json.RawMessage `json:"result,omitempty"`
	Error       string          `json:"error,omitempty"`
}

type noDefaults struct{}

func (noDefaults) Default(runtime.Object) {}

var converter managedfields.TypeConverter

// loadModels reads the OpenAPI models of a few groups.
func loadModels() {
	text, err := exec.Command("go", "mod", "download", "-json", "k8s.io/kubernetes@v1.37.1").Output()
	must(err)
	var module struct{ Dir string }
	must(json.Unmarshal(text, &module))
	models := map[string]*spec.Schema{}
	for _, name := range []string{"api__v1", "apis__apps__v1", "apis__rbac.authorization.k8s.io__v1", "apis__networking.k8s.io__v1"} {
		text, err := os.ReadFile(filepath.Join(module.Dir, "api", "openapi-spec", "v3", name+"_openapi.json"))
		must(err)
		var document struct {
			Components struct {
				Schemas map[string]*spec.Schema `json:"schemas"`
			} `json:"components"`
		}
		must(json.Unmarshal(text, &document))
		for name, model := range document.Components.Schemas {
			models[name] = model
		}
	}
	converter, err = managedfields.NewTypeConverter(models, false)
	must(err)
}

// manager makes the field manager that an API server would have for a path.
func manager(gvk schema.GroupVersionKind, subresource string, live runtime.Object) *managedfields.FieldManager {
	reset := map[fieldpath.APIVersion]fieldpath.Filter{}
	foreign := "status"
	if subresource == "status" {
		foreign = "spec"
	}
	switch gvk.Kind {
	case "Pod", "Deployment", "Service":
		if subresource == "" || subresource == "status" {
			reset[fieldpath.APIVersion(gvk.GroupVersion().String())] = fieldpath.NewExcludeSetFilter(fieldpath.NewSet(fieldpath.MakePathOrDie(foreign)))
		}
	}
	made, err := managedfields.NewDefaultFieldManager(converter, scheme.Scheme, noDefaults{}, scheme.Scheme, gvk, gvk.GroupVersion(), subresource, reset)
	must(err)
	return made
}

var times = regexp.MustCompile(`20[0-9]{2}-[0-9-]*T[0-9:]*Z`)

// run plays a sequence of writes on one object.
func run(steps []applyStep) []applyStep {
	var live runtime.Object
	for i := range steps {
		step := &steps[i]
		var content map[string]any
		must(json.Unmarshal(step.Object, &content))
		given := &unstructured.Unstructured{Object: content}
		gvk := given.GroupVersionKind()
		base := live
		if base == nil {
			empty, err := scheme.Scheme.New(gvk)
			must(err)
			base = empty
			base.GetObjectKind().SetGroupVersionKind(gvk)
		}
		fields := manager(gvk, step.Subresource, base)
		var result runtime.Object
		var err error
		if step.Operation == "apply" {
			result, err = fields.Apply(base.DeepCopyObject(), given, step.Manager, step.Force)
		} else {
			typed, convertErr := scheme.Scheme.New(gvk)
			must(convertErr)
			must(json.Unmarshal(step.Object, typed))
			result, err = fields.Update(base.DeepCopyObject(), typed, step.Manager)
		}
		if err != nil {
			step.Error = times.ReplaceAllString(err.Error(), "2024-01-01T00:00:00Z")
			continue
		}
		typed, convertErr := scheme.Scheme.ConvertToVersion(result, gvk.GroupVersion())
		must(convertErr)
		typed.GetObjectKind().SetGroupVersionKind(gvk)
		text, encodeErr := json.Marshal(typed)
		must(encodeErr)
		step.Result = times.ReplaceAll(text, []byte("2024-01-01T00:00:00Z"))
		live = typed
	}
	return steps
}

// applyCases plays written and random sequences of applies and updates.
func applyCases(seeds int) [][]applyStep {
	loadModels()
	apply := func(manager, object string) applyStep {
		return applyStep{Operation: "apply", Manager: manager, Object: []byte(object)}
	}
	force := func(manager, object string) applyStep {
		return applyStep{Operation: "apply", Manager: manager, Force: true, Object: []byte(object)}
	}
	update := func(manager, object string) applyStep {
		return applyStep{Operation: "update", Manager: manager, Object: []byte(object)}
	}
	status := func(step applyStep) applyStep {
		step.Subresource = "status"
		return step
	}
	configMap := func(rest string) string {
		return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"n"}` + rest + `}`
	}
	deployment := func(metadata, spec string) string {
		return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"n"` + metadata + `},"spec":{` + spec + `}}`
	}
	containers := func(list string) string {
		return `"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[` + list + `]}}`
	}
	sequences := [][]applyStep{
		{apply("a", configMap(`,"data":{"x":"1","y":"2"}`)), apply("a", configMap(`,"data":{"x":"1"}`)), apply("a", configMap(``)), apply("a", configMap(``))},
		{apply("a", configMap(`,"data":{"x":"1"}`)), apply("b", configMap(`,"data":{"x":"2"}`)), apply("b", configMap(`,"data":{"x":"1","z":"3"}`)), force("b", configMap(`,"data":{"x":"2"}`)), apply("a", configMap(``))},
		{apply("a", configMap(`,"data":{"x":"1","y":"1","z":"1"}`)), apply("b", configMap(`,"data":{"x":"2","y":"2"}`)), update("u", configMap(`,"data":{"x":"3","y":"1"}`)), apply("b", configMap(`,"data":{"x":"2","y":"2"}`)), apply("a", configMap(`,"data":{"x":"1","y":"1"}`))},
		{update("u", configMap(`,"data":{"x":"1"},"immutable":false`)), update("u", configMap(`,"data":{"x":"1","y":"2"}`)), update("w", configMap(`,"data":{"y":"2"}`)), apply("a", configMap(`,"data":{"y":"2"}`)), update("w", configMap(`,"data":{"y":"2"}`))},
		{update("u", configMap(`,"data":{}`)), update("u", configMap(`,"data":{"a":"b"}`)), update("u", configMap(``))},
		{update("u", deployment(`,"labels":{"l":"1"},"finalizers":["a/b"],"annotations":{}`, `"replicas":3,`+containers(`{"name":"a","image":"i","ports":[{"containerPort":80}],"env":[{"name":"E","value":"1"}],"resources":{"limits":{"cpu":"1"}}}`))),
			apply("k", deployment(``, `"replicas":3`)), apply("k", deployment(``, `"replicas":4`)), force("k", deployment(``, `"replicas":4`)), apply("k", deployment(``, ``))},
		{apply("k", deployment(`,"labels":{"l":"1"}`, `"replicas":3,`+containers(`{"name":"a","image":"i","ports":[{"containerPort":80},{"containerPort":81,"protocol":"UDP"}],"env":[{"name":"E","value":"1"},{"name":"F","value":"2"}]},{"name":"b","image":"j","args":["x"]}`))),
			apply("l", deployment(``, containers(`{"name":"b","image":"j"},{"name":"c","image":"k"}`))),
			apply("k", deployment(``, containers(`{"name":"a","image":"i2","ports":[{"containerPort":80,"protocol":"TCP"}],"env":[{"name":"F","value":"2"}]}`))),
			apply("l", deployment(``, containers(`{"name":"c","image":"k"}`))),
			update("u", deployment(``, containers(`{"name":"z","image":"z"},{"name":"c","image":"k"},{"name":"a","image":"i3"}`))),
			apply("k", deployment(``, containers(`{"name":"a","image":"i2"}`))), force("k", deployment(``, containers(`{"name":"a","image":"i2"},{"name":"y","image":"y"}`)))},
		{apply("k", deployment(``, `"replicaz":3`)), apply("k", deployment(``, `"replicas":"3"`)), apply("k", deployment(``, containers(`{"name":"a"},{"name":"a"}`))), apply("k", deployment(``, containers(`{"image":"a"}`))),
			apply("k", deployment(`,"managedFields":[{"manager":"x"}]`, ``)), apply("k", deployment(`,"labels":"x"`, ``)), apply("k", deployment(``, `"paused":1`)), apply("k", deployment(``, `"template":[]`))},
		{apply("k", deployment(`,"labels":{"a":null}`, `"replicas":null,`+containers(``))), apply("k", deployment(`,"labels":{}`, `"strategy":{},`+containers(`{"name":"a","env":[],"resources":{}}`))), apply("k", deployment(``, containers(`{"name":"a"}`)))},
		{apply("k", deployment(`,"finalizers":["a/a","a/b"]`, `"replicas":1`)), apply("l", deployment(`,"finalizers":["a/b","a/c"]`, ``)), apply("k", deployment(`,"finalizers":["a/c"]`, ``)), apply("l", deployment(``, ``)), update("u", deployment(`,"finalizers":["a/d"]`, `"replicas":1`))},
		{apply("k", deployment(`,"ownerReferences":[{"apiVersion":"v1","kind":"A","name":"x","uid":"1"}]`, ``)), apply("l", deployment(`,"ownerReferences":[{"apiVersion":"v1","kind":"A","name":"y","uid":"1"}]`, ``)), apply("l", deployment(`,"ownerReferences":[{"apiVersion":"v1","kind":"A","name":"y","uid":"2"}]`, ``))},
		{update("u", deployment(``, `"replicas":1`)), status(update("c", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"n"},"spec":{"replicas":1},"status":{"replicas":1,"conditions":[{"type":"A","status":"True"}]}}`)),
			update("u", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"n"},"spec":{"replicas":2},"status":{"replicas":1,"conditions":[{"type":"A","status":"True"}]}}`),
			status(apply("s", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"n"},"spec":{"replicas":7},"status":{"replicas":2}}`)),
			status(update("c", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"n"},"spec":{"replicas":2},"status":{"replicas":2,"readyReplicas":1,"conditions":[{"type":"A","status":"False"},{"type":"B","status":"True"}]}}`))},
		{apply("k", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"n"},"spec":{"ports":[{"port":80,"targetPort":"x"},{"port":80,"protocol":"UDP"}],"selector":{"a":"b"}}}`),
			apply("l", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"n"},"spec":{"selector":{"a":"c"},"externalIPs":["1.1.1.1"]}}`),
			apply("k", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"n"},"spec":{"ports":[{"port":80,"protocol":"UDP"}]}}`)},
		{update("u", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"r","namespace":"n"},"rules":[{"verbs":["get"]}]}`), apply("k", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"r","namespace":"n"},"rules":[{"verbs":["list"]}]}`)},
		{update("u", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"},"spec":{"containers":[{"name":"a","image":"i","securityContext":{},"volumeMounts":[{"name":"v","mountPath":"/v"}]}],"volumes":[{"name":"v","emptyDir":{}}],"securityContext":{},"tolerations":[{"key":"x"}],"nodeSelector":{"a":"b"},"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[]}}}}}`),
			apply("k", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"},"spec":{"nodeSelector":{"a":"c"},"tolerations":[],"volumes":[{"name":"v","emptyDir":{"medium":"Memory"}}],"topologySpreadConstraints":[{"topologyKey":"z","whenUnsatisfiable":"DoNotSchedule","maxSkew":1}]}}`),
			force("k", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"},"spec":{"nodeSelector":{"a":"c"},"hostAliases":[{"ip":"1.1.1.1"}]}}`)},
	}
	random := rand.New(rand.NewSource(7))
	for range 20 * seeds {
		sequences = append(sequences, randomSequence(random))
	}
	many := []applyStep{}
	for i := range 14 {
		many = append(many, update(fmt.Sprintf("u%02d", i), configMap(fmt.Sprintf(`,"data":{"k%02d":"v"}`, i))))
		if i > 0 {
			data := ""
			for j := range i + 1 {
				data += fmt.Sprintf(`,"k%02d":"v"`, j)
			}
			many[i].Object = []byte(configMap(`,"data":{` + data[1:] + `}`))
		}
	}
	sequences = append(sequences, many)
	for _, sequence := range sequences {
		run(sequence)
	}
	return sequences
}

// randomSequence writes random parts of one Deployment as random managers.
func randomSequence(random *rand.Rand) []applyStep {
	var steps []applyStep
	for range 6 {
		object := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"}
		metadata := map[string]any{"name": "d", "namespace": "n"}
		object["metadata"] = metadata
		chance := func() bool { return random.Intn(2) == 0 }
		word := func() string { return []string{"1", "2"}[random.Intn(2)] }
		pick := func(from ...string) []string {
			var some []string
			for _, i := range random.Perm(len(from)) {
				if chance() {
					some = append(some, from[i])
				}
			}
			return some
		}
		if chance() {
			labels := map[string]any{}
			for _, key := range pick("a", "b", "c") {
				labels[key] = word()
			}
			metadata["labels"] = labels
		}
		if chance() {
			metadata["finalizers"] = pick("x/a", "x/b", "x/c")
		}
		spec := map[string]any{}
		if chance() {
			spec["replicas"] = random.Intn(3)
		}
		if chance() {
			spec["paused"] = chance()
		}
		if chance() {
			spec["strategy"] = map[string]any{"type": word(), "rollingUpdate": map[string]any{"maxSurge": random.Intn(2)}}
		}
		if chance() {
			spec["selector"] = map[string]any{"matchLabels": map[string]any{"a": word()}}
		}
		var containers []any
		for _, name := range pick("a", "b", "c", "d") {
			container := map[string]any{"name": name}
			if chance() {
				container["image"] = word()
			}
			if chance() {
				container["args"] = pick("p", "q")
			}
			if chance() {
				var env []any
				for _, name := range pick("E", "F", "G") {
					env = append(env, map[string]any{"name": name, "value": word()})
				}
				container["env"] = env
			}
			if chance() {
				container["ports"] = []any{map[string]any{"containerPort": 80}}
				if chance() {
					container["ports"] = []any{map[string]any{"containerPort": 80, "protocol": "TCP", "name": word()}, map[string]any{"containerPort": 81}}
				}
			}
			if chance() {
				container["resources"] = map[string]any{"limits": map[string]any{"cpu": word()}}
			}
			containers = append(containers, container)
		}
		if chance() {
			spec["template"] = map[string]any{"spec": map[string]any{"containers": containers}}
		}
		object["spec"] = spec
		text, err := json.Marshal(object)
		must(err)
		step := applyStep{Operation: "apply", Manager: []string{"m", "n"}[random.Intn(2)], Force: random.Intn(3) > 0, Object: text}
		if random.Intn(3) == 0 {
			step = applyStep{Operation: "update", Manager: "u", Object: text}
		}
		steps = append(steps, step)
	}
	return steps
}
