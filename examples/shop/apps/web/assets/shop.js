const list = document.querySelector("#products");

async function show() {
  const products = await (await fetch("api/products")).json();
  list.replaceChildren(...products.map(row));
}

function row({ id, name, cents, ordered }) {
  const item = document.createElement("li");
  const text = [name, (cents / 100).toFixed(2) + " €", ordered + " ordered"].map((value) => {
    const span = document.createElement("span");
    span.textContent = value;
    return span;
  });
  const button = document.createElement("button");
  button.textContent = "Order";
  button.onclick = () => order(id);
  item.append(...text, button);
  return item;
}

async function order(product) {
  const headers = { "content-type": "application/json" };
  await fetch("api/orders", { method: "POST", headers, body: JSON.stringify({ product, quantity: 1 }) });
  await show();
}

show();
