package main

import (
	"encoding/json"
	"fmt"
	"math/rand"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// podSecurityCase is a pod and what a standard says of it; empty: nothing.
type podSecurityCase struct {
	Standard string          `json:"standard"`
	Pod      json.RawMessage `json:"pod"`
	Detail   string          `json:"detail"`
}

// podSecurityCases judges random pods by random standards.
func podSecurityCases(seeds int) []podSecurityCase {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(err)
	var cases []podSecurityCase
	for seed := range seeds * 300 {
		random := rand.New(rand.NewSource(int64(seed)))
		standard := api.LevelVersion{Level: api.LevelBaseline, Version: api.LatestVersion()}
		if random.Intn(3) > 0 {
			standard.Level = api.LevelRestricted
		}
		if random.Intn(3) > 0 {
			standard.Version = api.MajorMinorVersion(1, random.Intn(39))
		}
		pod := podOf(random)
		text, err := json.Marshal(pod)
		must(err)
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(standard, &pod.ObjectMeta, &pod.Spec))
		cases = append(cases, podSecurityCase{standard.String(), text, result.ForbiddenDetail()})
	}
	return cases
}

// podOf makes a pod whose fields that the standards are about are set now and then, mostly to what is allowed.
func podOf(random *rand.Rand) *corev1.Pod {
	rarely := func() bool { return random.Intn(10) == 0 }
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{}}}
	spec := &pod.Spec
	spec.HostNetwork, spec.HostPID, spec.HostIPC = rarely(), rarely(), rarely()
	if rarely() {
		spec.OS = &corev1.PodOS{Name: []corev1.OSName{"linux", "windows"}[random.Intn(2)]}
	}
	if random.Intn(4) == 0 {
		own := random.Intn(2) == 0
		spec.HostUsers = &own
	}
	if random.Intn(2) == 0 {
		context := securityOf(random)
		spec.SecurityContext = &corev1.PodSecurityContext{
			SELinuxOptions: context.SELinuxOptions, WindowsOptions: context.WindowsOptions,
			RunAsUser: context.RunAsUser, RunAsNonRoot: context.RunAsNonRoot,
			SeccompProfile: context.SeccompProfile, AppArmorProfile: context.AppArmorProfile,
		}
		names := []string{
			"kernel.shm_rmid_forced", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_fin_timeout",
			"net.ipv4.tcp_rmem", "net.ipv4.tcp_notsent_lowat", "kernel.msgmax", "a.b",
		}
		for _, name := range names {
			if rarely() {
				spec.SecurityContext.Sysctls = append(spec.SecurityContext.Sysctls, corev1.Sysctl{Name: name, Value: "1"})
			}
		}
	}
	for at := range random.Intn(2) {
		spec.InitContainers = append(spec.InitContainers, containerOf(random, fmt.Sprintf("init%d", at)))
	}
	for at := range 1 + random.Intn(2) {
		spec.Containers = append(spec.Containers, containerOf(random, fmt.Sprintf("c%d", at)))
	}
	if rarely() {
		made := containerOf(random, "debug")
		made.Ports, made.Lifecycle, made.LivenessProbe = nil, nil, nil
		spec.EphemeralContainers = []corev1.EphemeralContainer{{
			EphemeralContainerCommon: corev1.EphemeralContainerCommon(made),
		}}
	}
	for at, source := range []corev1.VolumeSource{
		{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		{HostPath: &corev1.HostPathVolumeSource{Path: "/"}},
		{NFS: &corev1.NFSVolumeSource{Server: "a", Path: "/"}},
		{GitRepo: &corev1.GitRepoVolumeSource{Repository: "a"}},
		{Secret: &corev1.SecretVolumeSource{SecretName: "a"}},
		{Image: &corev1.ImageVolumeSource{Reference: "a"}},
		{CSI: &corev1.CSIVolumeSource{Driver: "a"}},
		{Glusterfs: &corev1.GlusterfsVolumeSource{EndpointsName: "a", Path: "b"}},
	} {
		if rarely() {
			spec.Volumes = append(spec.Volumes, corev1.Volume{Name: fmt.Sprintf("v%d", at), VolumeSource: source})
		}
	}
	for _, name := range []string{
		"seccomp.security.alpha.kubernetes.io/pod",
		"container.seccomp.security.alpha.kubernetes.io/c0",
		"container.seccomp.security.alpha.kubernetes.io/c1",
		"container.apparmor.security.beta.kubernetes.io/c0",
		"container.apparmor.security.beta.kubernetes.io/c1",
	} {
		if rarely() {
			values := []string{"unconfined", "runtime/default", "localhost/a", "docker/default", ""}
			pod.Annotations[name] = values[random.Intn(len(values))]
		}
	}
	return pod
}

func containerOf(random *rand.Rand, name string) corev1.Container {
	rarely := func() bool { return random.Intn(10) == 0 }
	made := corev1.Container{Name: name}
	if random.Intn(3) > 0 {
		made.SecurityContext = securityOf(random)
	}
	if rarely() {
		made.Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: int32(random.Intn(3)) * 40}, {ContainerPort: 9, HostPort: 9}}
	}
	hosts := []string{"", "127.0.0.1", "a.example"}
	if rarely() {
		made.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(1), Host: hosts[random.Intn(3)]},
		}}
		made.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{
			TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(1), Host: hosts[random.Intn(3)]},
		}}
	}
	return made
}

func securityOf(random *rand.Rand) *corev1.SecurityContext {
	rarely := func() bool { return random.Intn(10) == 0 }
	often := func() bool { return random.Intn(4) > 0 }
	yes, no := true, false
	context := &corev1.SecurityContext{}
	if often() {
		context.AllowPrivilegeEscalation = &no
		if rarely() {
			context.AllowPrivilegeEscalation = &yes
		}
	}
	if often() {
		context.RunAsNonRoot = &yes
		if rarely() {
			context.RunAsNonRoot = &no
		}
	}
	if rarely() {
		user := int64(random.Intn(2))
		context.RunAsUser = &user
	}
	if rarely() {
		context.Privileged = &yes
	}
	if often() {
		context.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
		if rarely() {
			context.Capabilities.Drop = []corev1.Capability{"NET_RAW"}
		}
		for _, name := range []corev1.Capability{"NET_BIND_SERVICE", "CHOWN", "SYS_ADMIN", "NET_RAW"} {
			if rarely() {
				context.Capabilities.Add = append(context.Capabilities.Add, name)
			}
		}
	}
	if rarely() {
		mounts := []corev1.ProcMountType{"Default", "Unmasked"}
		context.ProcMount = &mounts[random.Intn(2)]
	}
	if often() {
		context.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
		if rarely() {
			context.SeccompProfile.Type = corev1.SeccompProfileTypeUnconfined
		}
	}
	if rarely() {
		kinds := []corev1.AppArmorProfileType{"RuntimeDefault", "Localhost", "Unconfined"}
		context.AppArmorProfile = &corev1.AppArmorProfile{Type: kinds[random.Intn(3)]}
	}
	if rarely() {
		kinds := []string{"", "container_t", "container_engine_t", "spc_t"}
		context.SELinuxOptions = &corev1.SELinuxOptions{Type: kinds[random.Intn(4)]}
		if rarely() {
			context.SELinuxOptions.User = "a"
		}
		if rarely() {
			context.SELinuxOptions.Role = "a"
		}
	}
	if rarely() {
		host := random.Intn(2) == 0
		context.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: &host}
	}
	return context
}
