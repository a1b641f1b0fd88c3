//! ResourceQuotas: charged when something is made, given back when it goes or ends; and token Secrets beside them.

use k8s_openapi::api::authentication::v1::TokenReview;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota, Secret, ServiceAccount};
use serde_json::{Value, json};

use crate::world::World;

fn pod(name: &str, cpu: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"restartPolicy": "Never", "containers": [
        {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]}})
}

fn used(quota: &ResourceQuota, name: &str) -> String {
    let used = quota.status.as_ref().and_then(|status| status.used.as_ref());
    used.and_then(|used| used.get(name)).map(|amount| amount.0.clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_charged_at_once_and_given_back() {
    let world = World::start().await;
    world.until::<ServiceAccount>("default", "there", |_| true).await;
    let hard =
        json!({"pods": "3", "requests.cpu": "1", "count/configmaps": "10", "count/deployments.apps": "1"});
    world.create("v1", "ResourceQuota", json!({"metadata": {"name": "q"}, "spec": {"hard": hard}})).await;
    // The certificates for pods are there already.
    world.until::<ResourceQuota>("q", "counts", |quota| used(quota, "count/configmaps") == "1").await;
    world.create("v1", "Pod", pod("a", "400m")).await;
    world.create("v1", "Pod", pod("b", "300m")).await;
    let quota: ResourceQuota = world.api().get("q").await.unwrap();
    assert_eq!((used(&quota, "pods"), used(&quota, "requests.cpu")), ("2".into(), "700m".into()));
    let refused = world.try_create("v1", "Pod", pod("c", "400m")).await.unwrap_err().to_string();
    let text = "pods \"c\" is forbidden: exceeded quota: q, requested: requests.cpu=400m, used: requests.cpu=700m, limited: requests.cpu=1";
    assert!(refused.contains(text), "{refused}");
    let silent = json!({"metadata": {"name": "d"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let refused = world.try_create("v1", "Pod", silent).await.unwrap_err().to_string();
    assert!(refused.contains("failed quota: q: must specify requests.cpu for: c"), "{refused}");
    world.delete::<Pod>("a", Default::default()).await;
    world.until::<ResourceQuota>("q", "gives back", |quota| used(quota, "requests.cpu") == "300m").await;
    world.create("v1", "Pod", pod("c", "400m")).await;
    let done = json!({"status": {"phase": "Succeeded"}});
    world.api::<Pod>().patch_status("b", &Default::default(), &kube::api::Patch::Merge(done)).await.unwrap();
    world.until::<ResourceQuota>("q", "forgets the ended", |quota| used(quota, "pods") == "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_do_not_exceed_a_quota() {
    let world = World::start().await;
    let hard = json!({"count/secrets": "10"});
    world.create("v1", "ResourceQuota", json!({"metadata": {"name": "q"}, "spec": {"hard": hard}})).await;
    world.until::<ResourceQuota>("q", "counts", |quota| used(quota, "count/secrets") == "0").await;
    let each =
        (0..30).map(|at| world.try_create("v1", "Secret", json!({"metadata": {"name": format!("s{at}")}})));
    let made = futures::future::join_all(each).await.iter().filter(|one| one.is_ok()).count();
    assert_eq!(made, 10);
    let quota: ResourceQuota = world.api().get("q").await.unwrap();
    assert_eq!(used(&quota, "count/secrets"), "10");
    assert_eq!(world.list::<Secret>("").await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_secret_is_filled_and_ends_with_its_account() {
    let world = World::start_without_node().await;
    world.create("v1", "ServiceAccount", json!({"metadata": {"name": "robot"}})).await;
    let secret = json!({"metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": "robot"}},
        "type": "kubernetes.io/service-account-token"});
    world.create("v1", "Secret", secret).await;
    let filled = world
        .until::<Secret>("t", "has a token", |secret| {
            secret.data.as_ref().is_some_and(|data| data.contains_key("token") && data.contains_key("ca.crt"))
        })
        .await;
    let token = String::from_utf8(filled.data.unwrap()["token"].0.clone()).unwrap();
    let review: TokenReview = serde_json::from_value(json!({"spec": {"token": token}})).unwrap();
    let answer = kube::Api::<TokenReview>::all(world.client.clone())
        .create(&Default::default(), &review)
        .await
        .unwrap();
    let user = answer.status.unwrap().user.unwrap().username.unwrap();
    assert_eq!(user, "system:serviceaccount:test:robot");
    world.delete::<ServiceAccount>("robot", Default::default()).await;
    world.until_all::<Secret>("", "empty", <[Secret]>::is_empty).await;
}
