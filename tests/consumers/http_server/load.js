// Sends requests to one server for a while, and says which were acknowledged.
import autocannon from "autocannon";
import process from "node:process";

const [port, ms] = process.argv.slice(2);
const acknowledged = [];
const refused = [];
const load = autocannon({
  url: `http://127.0.0.1:${port}`,
  connections: 8,
  duration: Number(ms) / 1000,
  requests: [{
    method: "POST",
    onResponse(status, body) {
      (status === 200 ? acknowledged : refused).push(body);
    },
  }],
});
const { errors, latency } = await load;
console.log(JSON.stringify({ acknowledged, refused, errors, latency }));
