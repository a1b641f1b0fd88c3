//! Environment variables that name the Services of a pod's namespace. Pure.

use k8s_openapi::api::core::v1::Service;

/// Variables for every Service with a cluster address, in the order given: `X_SERVICE_HOST`, `X_SERVICE_PORT`,
/// one per named port, and the variables of the old link syntax.
pub(crate) fn variables<'a>(services: impl Iterator<Item = &'a Service>) -> Vec<(String, String)> {
    let mut env = Vec::new();
    for service in services {
        let Some(spec) = &service.spec else { continue };
        let ip = match spec.cluster_ip.as_deref() {
            None | Some("" | "None") => continue,
            Some(ip) => ip,
        };
        let ports = spec.ports.as_deref().unwrap_or_default();
        let Some(first) = ports.first() else { continue };
        let name = upper(service.metadata.name.as_deref().unwrap_or_default());
        env.push((format!("{name}_SERVICE_HOST"), ip.to_owned()));
        env.push((format!("{name}_SERVICE_PORT"), first.port.to_string()));
        for port in ports {
            if let Some(port_name) = port.name.as_deref().filter(|n| !n.is_empty()) {
                env.push((format!("{name}_SERVICE_PORT_{}", upper(port_name)), port.port.to_string()));
            }
        }
        for (index, port) in ports.iter().enumerate() {
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            let (upper_proto, lower_proto) = (protocol.to_uppercase(), protocol.to_lowercase());
            let url = format!("{lower_proto}://{ip}:{}", port.port);
            if index == 0 {
                env.push((format!("{name}_PORT"), url.clone()));
            }
            let prefix = format!("{name}_PORT_{}_{upper_proto}", port.port);
            env.push((prefix.clone(), url));
            env.push((format!("{prefix}_PROTO"), lower_proto));
            env.push((format!("{prefix}_PORT"), port.port.to_string()));
            env.push((format!("{prefix}_ADDR"), ip.to_owned()));
        }
    }
    env
}

fn upper(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_follow_the_link_syntax() {
        let service = |value| serde_json::from_value::<Service>(value).unwrap();
        let list = [
            service(json!({"metadata": {"name": "web-app"}, "spec": {"clusterIP": "10.43.0.5",
                "ports": [{"port": 80, "name": "http-x"}, {"port": 53, "protocol": "UDP"}]}})),
            service(
                json!({"metadata": {"name": "headless"}, "spec": {"clusterIP": "None", "ports": [{"port": 1}]}}),
            ),
        ];
        let env = variables(list.iter());
        let text: Vec<String> = env.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(
            text,
            [
                "WEB_APP_SERVICE_HOST=10.43.0.5",
                "WEB_APP_SERVICE_PORT=80",
                "WEB_APP_SERVICE_PORT_HTTP_X=80",
                "WEB_APP_PORT=tcp://10.43.0.5:80",
                "WEB_APP_PORT_80_TCP=tcp://10.43.0.5:80",
                "WEB_APP_PORT_80_TCP_PROTO=tcp",
                "WEB_APP_PORT_80_TCP_PORT=80",
                "WEB_APP_PORT_80_TCP_ADDR=10.43.0.5",
                "WEB_APP_PORT_53_UDP=udp://10.43.0.5:53",
                "WEB_APP_PORT_53_UDP_PROTO=udp",
                "WEB_APP_PORT_53_UDP_PORT=53",
                "WEB_APP_PORT_53_UDP_ADDR=10.43.0.5",
            ]
        );
    }
}
