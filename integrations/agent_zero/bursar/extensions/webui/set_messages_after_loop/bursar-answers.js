// Tells the store which answers were drawn, so that they get thumbs, and that it is time to ask for the cost.
import { store } from "/plugins/bursar/webui/bursar-store.js";

export default async function bursarAnswers(context) {
  const drawn = (context?.results ?? [])
    .filter(({ args, result }) => args?.type === "response" && !args.agentno && args.no != null && result?.element)
    .map(({ args, result }) => [args.no, result.element]);
  if (context?.results?.length) store.drew(drawn);
}
