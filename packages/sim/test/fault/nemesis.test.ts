import { describe, expect, it } from 'vitest'
import {
  FAULT_KINDS,
  type FaultEvent,
  Nemesis,
  planFaults,
  simulate,
  worldTarget,
  type World,
} from '../../src/index.ts'

const PORT = 1

/** Three nodes that greet each other four times a second, and write down who they hear. */
function greeters(world: World): Map<string, number> {
  const heard = new Map<string, number>()
  const names = ['n1', 'n2', 'n3']
  for (const name of names) {
    world.addNode(name).start((env) => {
      env.disk.mkdir('/data')
      env.net.listen(
        { host: name, port: PORT },
        {
          onReady() {},
          onError() {},
          onConnection: ({ remote }) => ({
            onData: () => void heard.set(`${remote.host}>${name}`, world.nowMs),
            onClose() {},
          }),
        },
      )
      const greet = (): void => {
        for (const other of names.filter((peer) => peer !== name)) {
          const conn = env.net.dial(
            { host: other, port: PORT },
            { onOpen: () => conn.end(), onData() {}, onClose() {} },
          )
          conn.write([Buffer.from('hello')])
        }
        env.timers.after(250, greet)
      }
      env.timers.after(250, greet)
    })
  }
  return heard
}

function run(
  faults: readonly FaultEvent[],
  untilMs: number,
  check: (world: World, nemesis: Nemesis, heard: Map<string, number>) => void,
): Promise<void> {
  return simulate({ seed: 4 }, (world) => {
    const heard = greeters(world)
    const nemesis = new Nemesis(
      world.scheduler,
      worldTarget(world, () => 'n2'),
    )
    nemesis.schedule(faults)
    world.runFor(untilMs)
    check(world, nemesis, heard)
  })
}

describe('a nemesis', () => {
  it('strikes when the plan says so and undoes it after its time', async () => {
    const faults: FaultEvent[] = [
      { atMs: 1000, kind: 'kill', node: '@leader', downMs: 500 },
      { atMs: 3000, kind: 'isolate', node: 'n1', durationMs: 2000 },
    ]
    await run(faults, 1400, (world, nemesis, heard) => {
      expect(world.node('n2').state).toBe('dead')
      world.runFor(200)
      expect([world.node('n2').state, world.node('n2').lives]).toEqual(['running', 2])
      world.runFor(3300)
      expect(world.nowMs - heard.get('n1>n3')!).toBeGreaterThan(1500)
      expect(world.nowMs - heard.get('n2>n3')!).toBeLessThan(400)
      world.runFor(10_000)
      expect(world.nowMs - heard.get('n1>n3')!).toBeLessThan(400)
      expect([...nemesis.counts]).toEqual([
        ['kill', 1],
        ['isolate', 1],
      ])
    })
  })

  it('can be stopped: nothing more happens, what lasts is undone, the dead stay dead', async () => {
    const faults: FaultEvent[] = [
      { atMs: 500, kind: 'pause', node: 'n1', durationMs: 60_000 },
      { atMs: 500, kind: 'kill', node: 'n2', downMs: 60_000 },
      { atMs: 500, kind: 'cut', from: ['n1'], to: ['n3'], durationMs: 60_000 },
      { atMs: 2000, kind: 'kill', node: 'n3', downMs: 10 },
    ]
    await run(faults, 1000, (world, nemesis, heard) => {
      nemesis.stop()
      world.runFor(120_000)
      expect(world.nodes.map(({ state }) => state)).toEqual(['running', 'dead', 'running'])
      expect(world.node('n3').lives).toBe(1)
      expect(world.nowMs - heard.get('n1>n3')!).toBeLessThan(400)
    })
  })

  it('can do everything it knows, to anybody, and every node comes back', async () => {
    const hashes: string[] = []
    for (let round = 0; round < 2; round += 1) {
      await simulate({ seed: 9 }, (world) => {
        const heard = greeters(world)
        const target = worldTarget(world, () => 'n1')
        const plan = planFaults({
          rng: world.rng('plan'),
          nodes: target.nodes,
          // Greeters do not expect errors of their disk.
          kinds: FAULT_KINDS.filter((kind) => kind !== 'io-error' && kind !== 'disk-full'),
          startMs: 1000,
          endMs: 60_000,
          everyMs: 500,
          dataLossNodesMax: 1,
        })
        const nemesis = new Nemesis(world.scheduler, target)
        nemesis.schedule(plan)
        world.runFor(60_000)
        nemesis.stop()
        for (const node of world.nodes) node.restart()
        world.runFor(5000)
        expect(nemesis.counts.size).toBeGreaterThan(18)
        expect(world.nodes.map(({ state }) => state)).toEqual(['running', 'running', 'running'])
        for (const time of heard.values()) expect(world.nowMs - time).toBeLessThan(400)
        expect(heard.size).toBe(6)
        hashes.push(world.trace.hash)
      })
    }
    expect(hashes[0]).toBe(hashes[1])
  })
})
