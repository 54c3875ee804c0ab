// node-redis and ioredis, as their readers would use them. Run as: node node.cjs PORT, with NODE_PATH set.
"use strict";

const assert = require("node:assert");
const Redis = require("ioredis");
const { createClient } = require("redis");

const port = Number(process.argv[2]);

async function nodeRedis(RESP) {
  const client = createClient({ socket: { port }, RESP, name: "node-redis" });
  client.on("error", (error) => { throw error; });
  await client.connect();
  await client.flushAll();
  assert.equal(await client.set("s", "value"), "OK");
  assert.equal(await client.get("s"), "value");
  assert.equal(await client.get("missing"), null);
  await client.hSet("h", { f: "1", g: "2" });
  assert.deepEqual({ ...(await client.hGetAll("h")) }, { f: "1", g: "2" });
  assert.deepEqual(await client.multi().set("x", "1").incr("x").exec(), ["OK", 2]);
  await assert.rejects(client.incr("s"), /not an integer/);
  const many = await Promise.all(Array.from({ length: 1000 }, () => client.incr("n")));
  assert.equal(many[999], 1000);
  const keys = [];
  for await (const page of client.scanIterator({ MATCH: "*" })) keys.push(...page);
  assert.equal(keys.length, 4);
  const listener = client.duplicate();
  listener.on("error", (error) => { throw error; });
  await listener.connect();
  const heard = new Promise((resolve) => listener.subscribe("news", resolve).then(() => client.publish("news", "hello")));
  assert.equal(await heard, "hello");
  await listener.close();
  await client.close();
}

async function ioredis() {
  const client = new Redis(port, { connectionName: "ioredis" });
  assert.equal(await client.set("s", "value", "EX", 100), "OK");
  assert.ok((await client.ttl("s")) > 90);
  await client.del("h");
  await client.hset("h", { f: 1, g: 2 });
  assert.deepEqual(await client.hgetall("h"), { f: "1", g: "2" });
  assert.deepEqual(await client.multi().set("x", 1).incr("x").exec(), [[null, "OK"], [null, 2]]);
  const piped = await client.pipeline().get("s").incr("s").exec();
  assert.equal(piped[0][1], "value");
  assert.match(piped[1][0].message, /not an integer/);
  assert.match(await client.info(), /redis_version:/);
  const listener = new Redis(port);
  await listener.psubscribe("n*");
  const heard = new Promise((resolve) => listener.on("pmessage", (_pattern, _channel, message) => resolve(message)));
  await client.publish("news", "hello");
  assert.equal(await heard, "hello");
  await listener.quit();
  await client.quit();
}

async function main() {
  await nodeRedis(2);
  await nodeRedis(3);
  await ioredis();
  console.log("done with node-redis and ioredis");
}

main().catch((error) => { console.error(error); process.exit(1); });
