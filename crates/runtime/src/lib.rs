//! Containers: one shim per pod, namespaces, cgroups, seccomp, overlay file systems, logs.
