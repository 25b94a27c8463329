// Holds npm's node-llama-cpp ready and runs prefill or decode when told, line by line of JSON on
// stdin; compare_steps.py takes turns between this and our own steps. Times are llama.cpp's own
// (llama_perf_context), printed by it and read here from its log: no JavaScript is in them.
//
//   {"op": "load", "name": N, "file": F, "context": C, "threads": T, "batch": B, "kv": "F16"}
//   {"op": "save", "name": N, "sequence": Q, "rows": R, "file": F}   evaluates R tokens, saves their cache
//   {"op": "restore", "name": N, "sequence": Q, "file": F}           puts a saved cache there
//   {"op": "run", "name": N, "sequence": Q, "rows": R, "cached": C, "repeats": K}
//       R > 1: one prompt block of R tokens after C cached ones; R == 1: K tokens, one at a time
//   {"op": "threads", "name": N, "threads": T}                       of what runs from now on
//   {"op": "drop", "name": N}
//
//   node scripts/engines/engine_steps.mjs FOLDER_OF_NODE_MODULES [on|off]    (flash attention; on)
import path from "node:path";
import readline from "node:readline";
import {pathToFileURL} from "node:url";

const [folder, flash = "on"] = process.argv.slice(2);
if (!folder) {
  console.error("usage: engine_steps.mjs FOLDER_OF_NODE_MODULES [on|off]");
  process.exit(2);
}
const entry = path.join(folder, "node_modules", "node-llama-cpp", "dist", "index.js");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(path.resolve(entry)).href);

let log = "";
const llama = await getLlama({
  gpu: false, build: "never", logLevel: LlamaLogLevel.info, skipDownload: true,
  logger: (_, message) => { log += message + "\n"; }
});
const held = new Map();

async function load({name, file, context, threads, batch, kv}) {
  const model = await llama.loadModel({modelPath: file, gpuLayers: 0, useMmap: true});
  const made = await model.createContext({
    contextSize: context, sequences: 2, batchSize: batch ?? 512, threads, performanceTracking: true,
    flashAttention: flash === "on",
    experimentalKvCacheKeyType: kv ?? "F16", experimentalKvCacheValueType: kv ?? "F16"
  });
  held.set(name, {model, context: made, engine: made._ctx});
  return {threads: made._ctx.getThreads(), flash};
}

async function evaluate({engine}, sequence, first, count) {
  const tokens = Uint32Array.from({length: count}, (_, i) => 10 + (first + i) * 7 % 400);
  engine.initBatch(count);
  engine.addToBatch(sequence, first, tokens, Uint32Array.of(count - 1));
  await engine.decodeBatch();
}

// What llama.cpp counted since it was last asked: seconds and tokens of one of its two phases.
async function timings({context}, phase) {
  log = "";
  await context.printTimings();
  // Messages arrive later than the call returns; late ones would be read as the next call's.
  for (let i = 0; i < 1000 && !log.includes(" total time ="); ++i) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const line = log.split("\n").find((text) => text.includes(`${phase} time =`) &&
                                            (phase !== "eval" || !text.includes("prompt eval")));
  const found = line?.match(/=\s*([\d.]+) ms \/\s*(\d+)/);
  if (!found) throw new Error(`no '${phase} time' in llama.cpp's log: ${log.slice(0, 300)}`);
  return {seconds: Number(found[1]) / 1000, tokens: Number(found[2])};
}

async function run({name, sequence, rows, cached, repeats}) {
  const here = held.get(name);
  here.engine.removeTokenCellsFromSequence(sequence, cached, -1);
  await timings(here, "eval").catch(() => undefined);  // forgets what came before
  for (let i = 0; i < repeats; ++i) await evaluate(here, sequence, cached + i * rows, rows);
  const {seconds, tokens} = await timings(here, rows > 1 ? "prompt eval" : "eval");
  // One repeat of prefill is `rows` tokens by its count, of decode one.
  if (tokens !== rows * repeats) throw new Error(`llama.cpp counted ${tokens} tokens, not ${rows * repeats}`);
  here.engine.removeTokenCellsFromSequence(sequence, cached, -1);
  return {seconds: [seconds / repeats]};
}

async function save({name, sequence, rows, file}) {
  const here = held.get(name);
  here.engine.removeTokenCellsFromSequence(sequence, 0, -1);
  for (let at = 0; at < rows; at += 512) {
    await evaluate(here, sequence, at, Math.min(512, rows - at));
  }
  const bytes = await here.engine.saveSequenceStateToFile(file, sequence, Uint32Array.of(1));
  return {bytes};
}

async function restore({name, sequence, file}) {
  const here = held.get(name);
  here.engine.removeTokenCellsFromSequence(sequence, 0, -1);
  await here.engine.loadSequenceStateFromFile(file, sequence, 1 << 20);
  return {last: here.engine.getSequenceKvCacheMaxPosition(sequence)};
}

async function threads({name, threads: count}) {
  held.get(name).engine.setThreads(count);
  return {threads: held.get(name).engine.getThreads()};
}

async function drop({name}) {
  const {model, context} = held.get(name);
  held.delete(name);
  await context.dispose();
  await model.dispose();
  return {};
}

const operations = {load, save, restore, run, threads, drop};
for await (const line of readline.createInterface({input: process.stdin})) {
  let answer;
  try {
    const order = JSON.parse(line);
    answer = await operations[order.op](order);
  } catch (error) {
    answer = {error: String(error.message ?? error), log: log.slice(-500)};
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await llama.dispose();
process.exit(0);
