//! Links, addresses, routes and service rules over netlink; knows nothing of Kubernetes.
