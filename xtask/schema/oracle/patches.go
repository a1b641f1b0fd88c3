package main

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

type strategicCase struct {
	Original json.RawMessage `json:"original"`
	Patch    json.RawMessage `json:"patch"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    string          `json:"error,omitempty"`
}

const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"a":"1","b":"2"},"finalizers":["x/a","x/b"]},"spec":{"containers":[{"name":"a","image":"i1","env":[{"name":"E","value":"1"},{"name":"F","value":"2"}],"args":["x","y"],"ports":[{"containerPort":80,"protocol":"TCP"}]},{"name":"b","image":"i2"}],"volumes":[{"name":"v","emptyDir":{}},{"name":"w","configMap":{"name":"c"}}],"tolerations":[{"key":"k"}],"hostAliases":[{"ip":"1.1.1.1","hostnames":["h"]}],"nodeSelector":{"x":"y"}}}`
const deployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":1,"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}},"selector":{"matchLabels":{"a":"b"}},"template":{"spec":{"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]}}}}`
const service = `{"apiVersion":"v1","kind":"Service","spec":{"ports":[{"name":"x","port":80},{"name":"y","port":81}],"selector":{"a":"b"}}}`
const account = `{"apiVersion":"v1","kind":"ServiceAccount","secrets":[{"name":"s1"},{"name":"s2"}],"imagePullSecrets":[{"name":"p"}]}`
const node = `{"apiVersion":"v1","kind":"Node","spec":{"taints":[{"key":"a","effect":"NoSchedule"}],"podCIDRs":["10.0.0.0/24"]},"status":{"conditions":[{"type":"Ready","status":"False"},{"type":"Disk","status":"False"}],"addresses":[{"type":"InternalIP","address":"1.2.3.4"}]}}`

// strategicCases merges patches with Kubernetes' own implementation.
func strategicCases() []strategicCase {
	inputs := [][2]string{
		{pod, `{}`},
		{pod, `{"metadata":{"labels":{"a":null,"c":"3","zz":null}}}`},
		{pod, `{"spec":{"containers":[{"name":"a","image":"new"}]}}`},
		{pod, `{"spec":{"containers":[{"name":"c","image":"new"}]}}`},
		{pod, `{"spec":{"containers":[{"name":"c","image":"new"},{"name":"b","image":"bb"}]}}`},
		{pod, `{"spec":{"containers":[{"name":"a","$patch":"delete"}]}}`},
		{pod, `{"spec":{"containers":[{"$patch":"delete"}]}}`},
		{pod, `{"spec":{"containers":[{"name":"z","image":"q"},{"$patch":"replace"}]}}`},
		{pod, `{"spec":{"containers":[{"image":"q"}]}}`},
		{pod, `{"spec":{"containers":[{"name":"a","env":[{"name":"F","value":null},{"name":"G","value":"g"}]}]}}`},
		{pod, `{"spec":{"containers":[{"name":"a","args":["z"]}]}}`},
		{pod, `{"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"http"},{"containerPort":81}]}]}}`},
		{pod, `{"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}]}}`},
		{pod, `{"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"n"},{"name":"a"}],"containers":[{"name":"n","image":"i"}]}}`},
		{pod, `{"spec":{"$setElementOrder/containers":[{"name":"b"}],"containers":[{"name":"n","image":"i"}]}}`},
		{pod, `{"spec":{"$setElementOrder/containers":[{"name":"b"}],"containers":[{"name":"a","$patch":"delete"}]}}`},
		{pod, `{"spec":{"$setElementOrder/initContainers":[{"name":"b"}],"initContainers":[{"name":"b","image":null}]}}`},
		{pod, `{"spec":{"volumes":[{"name":"v","$retainKeys":["name","hostPath"],"hostPath":{"path":"/x"},"emptyDir":null}]}}`},
		{pod, `{"spec":{"volumes":[{"name":"v","$retainKeys":["name"],"hostPath":{"path":"/x"}}]}}`},
		{pod, `{"spec":{"volumes":[{"name":"w","configMap":{"items":[{"key":"k","path":"p"}]}},{"name":"u","emptyDir":{"medium":null}}]}}`},
		{pod, `{"metadata":{"finalizers":["x/c"]}}`},
		{pod, `{"metadata":{"finalizers":["x/c","x/a"]}}`},
		{pod, `{"metadata":{"$deleteFromPrimitiveList/finalizers":["x/a"]}}`},
		{pod, `{"metadata":{"$deleteFromPrimitiveList/finalizers":["x/a"],"$setElementOrder/finalizers":["x/c","x/b"],"finalizers":["x/c"]}}`},
		{pod, `{"metadata":{"finalizers":null}}`},
		{pod, `{"spec":{"tolerations":[{"key":"n"}]}}`},
		{pod, `{"spec":{"hostAliases":[{"ip":"1.1.1.1","hostnames":["q"]},{"ip":"2.2.2.2"}]}}`},
		{pod, `{"spec":{"nodeSelector":{"$patch":"replace","z":"1"}}}`},
		{pod, `{"spec":{"nodeSelector":{"$patch":"delete"}}}`},
		{pod, `{"spec":{"nodeSelector":{"$patch":"merge","z":"1"}}}`},
		{pod, `{"spec":{"affinity":{"$patch":"delete"}}}`},
		{pod, `{"spec":{"affinity":{"nodeAffinity":null,"podAffinity":{}}}}`},
		{pod, `{"spec":{"nodeSelector":null,"activeDeadlineSeconds":5}}`},
		{pod, `{"spec":{"containers":null}}`},
		{pod, `{"spec":{"containers":[]}}`},
		{pod, `{"spec":{"containers":"x"}}`},
		{pod, `{"$patch":"replace","spec":{"hostname":"h"}}`},
		{pod, `{"metadata":{"ownerReferences":[{"uid":"1","name":"o"}]}}`},
		{deployment, `{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}`},
		{deployment, `{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`},
		{deployment, `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"1"},{"name":"a","image":"2"}]}}}}`},
		{deployment, `{"spec":{"template":{"spec":{"containers":[{"name":"n","image":"1"},{"name":"b","image":"2"}]}}}}`},
		{deployment, `{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"c"},{"name":"a"}],"containers":[{"name":"a","image":"2"}]}}}}`},
		{deployment, `{"spec":{"replicas":null,"selector":{"matchLabels":{"c":"d"}},"paused":true}}`},
		{service, `{"spec":{"ports":[{"port":80,"targetPort":8080}]}}`},
		{service, `{"spec":{"ports":[{"port":81,"$patch":"delete"},{"port":82,"name":"z"}],"selector":{"c":"d"}}}`},
		{service, `{"spec":{"$setElementOrder/ports":[{"port":82},{"port":80}],"ports":[{"port":82,"name":"z"},{"port":81,"$patch":"delete"}]}}`},
		{account, `{"secrets":[{"name":"s3"}]}`},
		{account, `{"imagePullSecrets":[{"name":"q"}],"secrets":[{"name":"s1","$patch":"delete"}]}`},
		{node, `{"status":{"conditions":[{"type":"Ready","status":"True","reason":"x"}]}}`},
		{node, `{"status":{"$setElementOrder/conditions":[{"type":"Disk"},{"type":"Ready"}],"conditions":[{"type":"Ready","status":"True"}]}}`},
		{node, `{"spec":{"taints":[{"key":"b","effect":"NoExecute"}],"podCIDRs":["10.0.1.0/24"]}}`},
		{node, `{"spec":{"taints":null},"status":{"addresses":[{"type":"Hostname","address":"h"}]}}`},
	}
	var cases []strategicCase
	for _, input := range inputs {
		one := strategicCase{Original: []byte(input[0]), Patch: []byte(input[1])}
		var kind struct{ APIVersion, Kind string }
		must(json.Unmarshal(one.Original, &kind))
		gv, err := schema.ParseGroupVersion(kind.APIVersion)
		must(err)
		object, err := scheme.Scheme.New(gv.WithKind(kind.Kind))
		must(err)
		result, err := strategicpatch.StrategicMergePatch(one.Original, one.Patch, object)
		if err != nil {
			one.Error = err.Error()
		} else {
			one.Result = result
		}
		cases = append(cases, one)
	}
	return cases
}
