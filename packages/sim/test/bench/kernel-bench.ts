/**
 * How fast the simulator is without anything in it. Run: `node --conditions=source packages/sim/test/bench/kernel-bench.ts`.
 * Prints events (or messages, or syncs) a second of processor time, so that a busy machine measures the same.
 */
import type { Env } from '@millrace/base'
import { simulate, type World } from '../../src/index.ts'

const US_PER_S = 1e6

async function measure(label: string, unit: string, run: (world: World) => number): Promise<void> {
  const start = process.cpuUsage()
  let steps = 0
  const count = await simulate({ seed: 1 }, (world) => {
    const done = run(world)
    steps = world.scheduler.steps
    return done
  })
  const { user, system } = process.cpuUsage(start)
  const seconds = (user + system) / US_PER_S
  const rate = Math.round(count / seconds).toLocaleString('en')
  process.stdout.write(
    `${label}: ${rate} ${unit}/s, ${Math.round(steps / seconds).toLocaleString('en')} events/s\n`,
  )
}

/** 1,000 timers that arm themselves again. */
function timers(world: World): number {
  let fired = 0
  world.addNode('n1').start((env) => {
    const rng = env.rng.fork('delays')
    const again = (): void => {
      fired += 1
      env.timers.after(1 + rng.below(100), again)
    }
    for (let i = 0; i < 1000; i += 1) again()
  })
  world.runUntil(() => fired >= 3_000_000, 1e9)
  return fired
}

/** A promise with three continuations for each event. */
function promises(world: World): number {
  let fired = 0
  world.addNode('n1').start(async (env) => {
    for (;;) {
      await new Promise<void>((resolve) => void env.timers.after(1, resolve))
      await Promise.resolve()
      fired += 1
    }
  })
  world.runUntil(() => fired >= 1_000_000, 1e9)
  return fired
}

/** 16 connections, 300 bytes there and back. */
function messages(world: World): number {
  let answered = 0
  const payload = Buffer.alloc(300)
  const echo = (env: Env): void => {
    env.net.listen(
      { host: 'server', port: 1 },
      {
        onReady() {},
        onError() {},
        onConnection: (conn) => ({ onData: (chunk) => void conn.write([Buffer.from(chunk)]), onClose() {} }),
      },
    )
  }
  world.addNode('server').start(echo)
  world.runFor(1)
  world.addNode('client').start((env) => {
    for (let i = 0; i < 16; i += 1) {
      let waiting = 0
      const ask = (): void => {
        waiting = payload.length
        conn.write([payload])
      }
      const conn = env.net.dial(
        { host: 'server', port: 1 },
        {
          onOpen: ask,
          onData(chunk) {
            waiting -= chunk.length
            if (waiting > 0) return
            answered += 1
            ask()
          },
          onClose() {},
        },
      )
    }
  })
  world.runUntil(() => answered >= 200_000, 1e9)
  return answered * 2
}

/** Appends of 200 bytes, each synced, one after the other. */
function appends(world: World): number {
  let synced = 0
  world.addNode('n1').start((env) => {
    env.disk.mkdir('/data/topic-0')
    const file = env.disk.open('/data/topic-0/log', 'create')
    const record = Buffer.alloc(200, 1)
    const next = (): void => {
      env.disk.pwritev(file, [record], synced * record.length)
      env.disk.sync(file, () => {
        synced += 1
        next()
      })
    }
    next()
  })
  world.runUntil(() => synced >= 100_000, 1e9)
  return synced
}

const [only] = process.argv.slice(2)
const runs = { timers, promises, messages, appends }
for (const [label, run] of Object.entries(runs)) {
  if (only === undefined || only === label) await measure(label, label, run)
}
