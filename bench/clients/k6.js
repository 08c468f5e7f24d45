// One closed loop for each virtual user; k6 reads a whole body, so that it knows the first byte but no token.
import http from "k6/http";
import { check } from "k6";

const body = open(__ENV.BODY);
const url = `${__ENV.URL}/v1/chat/completions`;
const streams = Number(__ENV.STREAMS);
const limit = Number(__ENV.REQUESTS);

export const options = {
  scenarios: {
    closed: limit
      ? { executor: "shared-iterations", vus: Math.min(streams, limit), iterations: limit, maxDuration: "1h" }
      : { executor: "constant-vus", vus: streams, duration: `${__ENV.SECONDS}s`, gracefulStop: "30s" },
  },
  summaryTrendStats: ["p(50)", "p(99)"],
};

export default function () {
  const answer = http.post(url, body, { headers: { "Content-Type": "application/json" } });
  check(answer, { ok: (r) => r.status === 200 && r.body.endsWith("data: [DONE]\n\n") });
}
