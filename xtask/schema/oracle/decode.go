package main

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
)

type schemaKind = schema.GroupVersionKind

type decodeCase struct {
	Input    string          `json:"input"`
	Output   json.RawMessage `json:"output,omitempty"`
	Problems []string        `json:"problems,omitempty"`
	Error    string          `json:"error,omitempty"`
}

// decodeCases reads texts into Go's types, strictly, and prints them again.
func decodeCases() []decodeCase {
	inputs := []string{
		`{"apiVersion":"v1","kind":"Pod"}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":null,"creationTimestamp":null},"spec":{"containers":[{"name":"a"},null]},"status":null}`,
		`{"apiVersion":"v1","kind":"Pod","foo":1,"metadata":{"name":"a","nme":"b"},"spec":{"containers":[{"name":"a","imagee":"b"},{"name":"c","ports":[{"containerPort":80,"x":{}}]}]}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","name":"b","labels":{"a":"1","a":"2"}},"spec":{"hostNetwork":true,"hostNetwork":false,"containers":[]}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"hostNetwork":false,"priority":0,"nodeName":"","containers":[{"name":"a","env":[],"args":null,"resources":{"limits":{"cpu":0.5,"memory":"1024Mi","x":"1e3","y":1}},"livenessProbe":{"httpGet":{"port":"http"},"initialDelaySeconds":0}}]}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"containers":"x"}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":[]}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":5}]}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","ports":[{"containerPort":"80"}]}]}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","ports":[{"containerPort":80.5}]}]}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","ports":[{"containerPort":3000000000}]}]}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"hostNetwork":"true"}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"restartPolicy":true}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":1}}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":{}}}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"labels":["a"]}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"finalizers":[1]}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"uid":1}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp":5}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp":"2024-02-03T04:05:06+02:00"}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp":"2024-02-29T04:05:06.789Z"}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"abc"}}}]}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"1Zi"}}}]}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":" 1.50 "}}}]}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"volumes":[{"name":"a","emptyDir":{}},{"name":"b","configMap":{"name":"x","defaultMode":420,"bogus":1}},{"name":"c"}]}}`,
		`{"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":80,"targetPort":{}}]}}`,
		`{"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":80,"targetPort":1.5}]}}`,
		`{"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":80}],"clusterIPs":[]}}`,
		`{"apiVersion":"v1","kind":"Secret","data":{"a":"aGVsbG8=","b":"","c":"aGVs\nbG8="},"stringData":{"x":"y"}}`,
		`{"apiVersion":"v1","kind":"Secret","data":{"a":"a$b"}}`,
		`{"apiVersion":"v1","kind":"Secret","data":{"a":"abc"}}`,
		`{"apiVersion":"v1","kind":"Secret","data":{"a":5}}`,
		`{"apiVersion":"v1","kind":"ConfigMap","data":{},"binaryData":null,"immutable":false}`,
		`{"apiVersion":"v1","kind":"ConfigMap","data":{"a":null}}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":"3"}}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":0,"paused":false,"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":0}}}}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[{"nme":"x","env":[{"name":"a","valu":"b"}]}]}}}}`,
		`{"apiVersion":"apps/v1","kind":"DaemonSet","status":{}}`,
		`{"apiVersion":"apps/v1","kind":"ControllerRevision","data":{"a":null,"b":[null]},"revision":0}`,
		`{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","spec":{"renewTime":"2024-02-03T04:05:06.123456789Z","acquireTime":"2024-02-03T04:05:06Z"}}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","rules":[{"verbs":["get"]}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","aggregationRule":{}}`,
		`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","spec":{"maxReplicas":3}}`,
		`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","spec":{}}`,
		`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","spec":{"group":"a.b","versions":[{"name":"v1","schema":{"openAPIV3Schema":{"type":"object","additionalProperties":true,"default":{"x":null},"properties":{"a":{"items":{"type":"string","zzz":1},"minimum":1.5},"b":{"items":[{"type":"string"}],"default":null,"enum":[1,"a",null]}},"dependencies":{"q":["a"]}}}}],"names":{"kind":"A","plural":"as"}}}`,
		`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","spec":{"versions":[{"name":"v1","schema":{"openAPIV3Schema":{"unknown":1,"additionalProperties":{"type":"string","unknown":2}}}}]}}`,
		`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","status":{"user":{"extra":{"a":["b"],"c":null}}}}`,
		`{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"verb":"get"}}}`,
		`{"apiVersion":"events.k8s.io/v1","kind":"Event","eventTime":null,"note":"x"}`,
		`{"apiVersion":"v1","kind":"Event","count":0,"firstTimestamp":null}`,
		`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","spec":{"minAvailable":"50%"}}`,
		`{"apiVersion":"batch/v1","kind":"CronJob","spec":{"schedule":"* * * * *"}}`,
		`{"apiVersion":"batch/v1","kind":"Job","spec":{"template":{"metadata":{"annotations":{"a":"b"}}},"completions":0}}`,
		`{"apiVersion":"v1","kind":"Node","status":{"capacity":{"cpu":"2","memory":"4026532Ki"},"nodeInfo":{}}}`,
		`{"apiVersion":"v1","kind":"PersistentVolume","spec":{"capacity":{"storage":"10Gi"},"hostPath":{"path":"/x"}}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"securityContext":{"runAsUser":0,"runAsNonRoot":false},"tolerations":[{"operator":"Exists"}]}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":null,"metadata":5}`,
		`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","webhooks":[{"name":"a","clientConfig":{"caBundle":"YQ=="},"rules":[{"operations":["*"],"apiGroups":[""]}]}]}`,
	}
	strict := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, serializer.SerializerOptions{Strict: true})
	var cases []decodeCase
	for _, input := range inputs {
		one := decodeCase{Input: input}
		object, _, err := strict.Decode([]byte(input), nil, nil)
		if err != nil && !runtime.IsStrictDecodingError(err) {
			one.Error = err.Error()
			// The API server's prefix, which names version and kind, is not the codec's.
			if at := strings.Index(one.Error, "json: "); at > 0 {
				one.Error = one.Error[at:]
			}
			cases = append(cases, one)
			continue
		}
		if strictError, ok := runtime.AsStrictDecodingError(err); ok {
			for _, problem := range strictError.Errors() {
				one.Problems = append(one.Problems, problem.Error())
			}
		}
		text, err := json.Marshal(object)
		must(err)
		one.Output = text
		cases = append(cases, one)
	}
	return cases
}
