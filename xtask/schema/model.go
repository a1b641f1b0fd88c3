package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gvk "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// structure is one Go struct as JSON and protobuf see it.
type structure struct {
	name   string
	atomic bool
	fields []field
	wire   []wire
}

// field is one field of the JSON form.
type field struct {
	name      string
	shape     string
	goType    string
	required  bool
	pointer   bool
	omitEmpty bool
	atomic    bool
	def       string
	strategy  []string
	mergeKey  string
}

// wire is one field of the protobuf form: a JSON field, or an embedded struct if embedded is set.
type wire struct {
	number   int
	field    string
	embedded string
	pointer  bool
}

// model collects the types that are reachable from the kinds.
type model struct {
	openAPI map[string]schema
	types   map[reflect.Type]*structure
	index   map[reflect.Type]int
	order   []*structure
}

func newModel(openAPI map[string]schema) *model {
	return &model{openAPI: openAPI, types: map[reflect.Type]*structure{}, index: map[reflect.Type]int{}}
}

// top is a type with its own apiVersion and kind.
type top struct {
	group, version, kind string
	index                int
}

// addTopLevel walks every type that the group-versions register, and those of meta/v1.
func (m *model) addTopLevel(versions []groupVersion) []top {
	types := scheme.Scheme
	must(apiextensions.AddToScheme(types))
	must(apiregistration.AddToScheme(types))
	var tops []top
	add := func(group, version, kind string, of reflect.Type) {
		tops = append(tops, top{group, version, kind, m.structIndex(of)})
	}
	for _, gv := range versions {
		known := types.KnownTypes(gvk.GroupVersion{Group: gv.group, Version: gv.version})
		if len(known) == 0 {
			fail("no Go types for %s", gv)
		}
		// In order, so that the output is the same each time.
		for _, kind := range slices.Sorted(maps.Keys(known)) {
			of := known[kind]
			// The types of meta/v1 are registered in every group; they are listed once, below.
			if of.PkgPath() != "k8s.io/apimachinery/pkg/apis/meta/v1" || kind == "List" {
				add(gv.group, gv.version, kind, of)
			}
		}
	}
	for _, one := range []any{
		metav1.APIGroup{}, metav1.APIGroupList{}, metav1.APIResourceList{}, metav1.APIVersions{}, metav1.CreateOptions{},
		metav1.DeleteOptions{}, metav1.GetOptions{}, metav1.LabelSelector{}, metav1.ListOptions{}, metav1.PartialObjectMetadata{},
		metav1.PartialObjectMetadataList{}, metav1.PatchOptions{}, metav1.Status{}, metav1.Table{}, metav1.TableOptions{},
		metav1.UpdateOptions{}, metav1.WatchEvent{},
	} {
		of := reflect.TypeOf(one)
		add("meta.k8s.io", "v1", of.Name(), of)
	}
	sort.Slice(tops, func(a, b int) bool {
		return slices.Compare([]string{tops[a].group, tops[a].version, tops[a].kind}, []string{tops[b].group, tops[b].version, tops[b].kind}) < 0
	})
	return tops
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

// modelName is the name that OpenAPI gives a type.
func modelName(of reflect.Type) string {
	if named, ok := reflect.New(of).Interface().(interface{ OpenAPIModelName() string }); ok {
		return named.OpenAPIModelName()
	}
	parts := strings.Split(of.PkgPath(), "/")
	domain := strings.Split(parts[0], ".")
	slices.Reverse(domain)
	return strings.Join(append(append(domain, parts[1:]...), of.Name()), ".")
}

func (m *model) structIndex(of reflect.Type) int {
	if at, ok := m.index[of]; ok {
		return at
	}
	at := len(m.order)
	name := modelName(of)
	doc := m.openAPI[name]
	made := &structure{name: name, atomic: doc.MapType == "atomic"}
	m.order = append(m.order, made)
	m.index[of] = at
	m.types[of] = made
	m.addFields(made, of, doc)
	sort.Slice(made.fields, func(a, b int) bool { return made.fields[a].name < made.fields[b].name })
	sort.Slice(made.wire, func(a, b int) bool { return made.wire[a].number < made.wire[b].number })
	for i := 1; i < len(made.fields); i++ {
		if made.fields[i].name == made.fields[i-1].name {
			fail("%s: two fields named %s", name, made.fields[i].name)
		}
	}
	return at
}

func (m *model) addFields(into *structure, of reflect.Type, doc schema) {
	for i := range of.NumField() {
		goField := of.Field(i)
		tag, options, _ := strings.Cut(goField.Tag.Get("json"), ",")
		if tag == "-" || !goField.IsExported() {
			continue
		}
		number := protobufNumber(goField)
		kind := goField.Type
		pointer := kind.Kind() == reflect.Pointer
		if pointer {
			kind = kind.Elem()
		}
		if tag == "" {
			if !strings.Contains(options, "inline") && !goField.Anonymous {
				fail("%s.%s has no JSON name", into.name, goField.Name)
			}
			m.addEmbedded(into, kind, doc, number, pointer)
			continue
		}
		property := doc.Properties[tag]
		one := field{
			name:      tag,
			shape:     m.shape(kind, property),
			goType:    kind.String(),
			required:  slices.Contains(doc.Required, tag),
			pointer:   pointer,
			omitEmpty: omitted(goField.Type, options),
			atomic:    property.MapType == "atomic",
			def:       string(property.Default),
			mergeKey:  goField.Tag.Get("patchMergeKey"),
		}
		if strategy := goField.Tag.Get("patchStrategy"); strategy != "" {
			one.strategy = strings.Split(strategy, ",")
		}
		into.fields = append(into.fields, one)
		if number > 0 {
			into.wire = append(into.wire, wire{number: number, field: tag})
		}
	}
}

// omitted says whether Go leaves the zero value out: omitempty has no effect on structs.
func omitted(of reflect.Type, options string) bool {
	return strings.Contains(options, "omitzero") || strings.Contains(options, "omitempty") && of.Kind() != reflect.Struct
}

// addEmbedded lays an embedded struct's fields flat; on the wire it stays a message of its own if it has a number.
func (m *model) addEmbedded(into *structure, kind reflect.Type, doc schema, number int, pointer bool) {
	inner := &structure{name: into.name}
	m.addFields(inner, kind, doc)
	into.fields = append(into.fields, inner.fields...)
	if number > 0 {
		into.wire = append(into.wire, wire{number: number, embedded: "S" + strconv.Itoa(m.structIndex(kind)), pointer: pointer})
	} else if kind != reflect.TypeOf(metav1.TypeMeta{}) && len(inner.wire) > 0 {
		fail("%s embeds %s without a protobuf number", into.name, kind)
	}
}

// protobufNumber is 0 for a field that protobuf does not carry.
func protobufNumber(goField reflect.StructField) int {
	parts := strings.Split(goField.Tag.Get("protobuf"), ",")
	if len(parts) < 2 {
		return 0
	}
	number, err := strconv.Atoi(parts[1])
	must(err)
	return number
}

var leaves = map[reflect.Type]string{
	reflect.TypeOf(metav1.Time{}):                                "Shape::Time",
	reflect.TypeOf(metav1.MicroTime{}):                           "Shape::MicroTime",
	reflect.TypeOf(metav1.Duration{}):                            "Shape::Duration",
	reflect.TypeOf(intstr.IntOrString{}):                         "Shape::IntOrString",
	reflect.TypeOf(resource.Quantity{}):                          "Shape::Quantity",
	reflect.TypeOf(runtime.RawExtension{}):                       "Shape::Raw",
	reflect.TypeOf(metav1.FieldsV1{}):                            "Shape::FieldsV1",
	reflect.TypeOf(apiextensions.JSON{}):                         "Shape::Any",
	reflect.TypeOf(apiextensions.JSONSchemaPropsOrBool{}):        "choice:SchemaOrBool",
	reflect.TypeOf(apiextensions.JSONSchemaPropsOrArray{}):       "choice:SchemaOrArray",
	reflect.TypeOf(apiextensions.JSONSchemaPropsOrStringArray{}): "choice:SchemaOrStrings",
}

// shape renders the Rust expression of a type's shape.
func (m *model) shape(of reflect.Type, doc schema) string {
	if leaf, ok := leaves[of]; ok {
		if choice, ok := strings.CutPrefix(leaf, "choice:"); ok {
			return "Shape::Choice(Choice::" + choice + ", TypeRef(&S" + strconv.Itoa(m.structIndex(reflect.TypeOf(apiextensions.JSONSchemaProps{}))) + "))"
		}
		return leaf
	}
	switch of.Kind() {
	case reflect.Pointer:
		return m.shape(of.Elem(), doc)
	case reflect.String:
		return "Shape::String"
	case reflect.Bool:
		return "Shape::Bool"
	case reflect.Int32:
		return "Shape::Int32"
	case reflect.Int64, reflect.Int:
		return "Shape::Int64"
	case reflect.Float64:
		return "Shape::Double"
	case reflect.Interface:
		if of == reflect.TypeOf((*runtime.Object)(nil)).Elem() {
			return "Shape::Raw"
		}
		return "Shape::Any"
	case reflect.Struct:
		return "Shape::Struct(TypeRef(&S" + strconv.Itoa(m.structIndex(of)) + "))"
	case reflect.Slice:
		if of.Elem().Kind() == reflect.Uint8 {
			return "Shape::Bytes"
		}
		if named := m.openAPI[modelNameIfNamed(of)]; named.Type != "" {
			doc = named
		}
		item := schema{}
		if doc.Items != nil {
			item = *doc.Items
		}
		message := "false"
		if wrapped(of) {
			message = "true"
		}
		return "Shape::List(&List { item: " + m.shape(of.Elem(), item) + ", kind: " + listKind(doc) + ", message: " + message + " })"
	case reflect.Map:
		value := schema{}
		if doc.AdditionalProperties != nil {
			value = *doc.AdditionalProperties
		}
		if of.Key().Kind() != reflect.String {
			fail("map with keys of %s", of.Key())
		}
		return "Shape::Map(&Map { value: " + m.shape(of.Elem(), value) + ", atomic: " + strconv.FormatBool(doc.MapType == "atomic") + " })"
	}
	fail("no shape for %s", of)
	return ""
}

// wrapped says whether a named slice is a message of its own in protobuf.
func wrapped(of reflect.Type) bool {
	_, ok := reflect.New(of).Interface().(interface{ MarshalToSizedBuffer([]byte) (int, error) })
	return ok
}

func modelNameIfNamed(of reflect.Type) string {
	if of.Name() == "" {
		return ""
	}
	return modelName(of)
}

// listKind follows the API server: without a list type, the patch strategy tells.
func listKind(doc schema) string {
	keys := func(names []string) string {
		quoted, err := json.Marshal(names)
		must(err)
		return "ListKind::Map(&" + string(quoted) + ")"
	}
	switch {
	case doc.ListType == "set":
		return "ListKind::Set"
	case doc.ListType == "map":
		return keys(doc.ListMapKeys)
	case doc.ListType == "" && strings.HasPrefix(doc.PatchStrategy, "merge"):
		if doc.PatchMergeKey != "" {
			return keys([]string{doc.PatchMergeKey})
		}
		return "ListKind::Set"
	}
	return "ListKind::Atomic"
}
