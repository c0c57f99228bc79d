/** The containers of docker/compose.yaml, on the engine that is there or on one of our own. */
import { ComposeCluster } from '../../test/rig/compose-cluster.ts'
import { DockerEngine } from '../../test/rig/docker.ts'
import type { ChaosTarget } from './chaos-target.ts'
import type { FaultKind } from './fault.ts'

const MISSING = new Map<FaultKind, string>([
  ['oneway', 'a container is taken off its network in both directions'],
  ['wipe', 'the volume of a container that exists is not replaced'],
])

/** @throws Error that says what is missing on this machine */
export async function startCompose(): Promise<ChaosTarget> {
  const engine = await DockerEngine.open()
  if (typeof engine === 'string') throw new Error(`no containers here: ${engine}`)
  try {
    const image = await engine.image()
    if (typeof image === 'string') throw new Error(`no image: ${image}`)
    const cluster = await ComposeCluster.up(engine, image.tag)
    return targetOf(cluster, engine)
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
}

function targetOf(cluster: ComposeCluster, engine: DockerEngine): ChaosTarget {
  const cutOff = new Set<string>()
  return {
    bootstrap: cluster.bootstrap,
    nodes: cluster.services,
    missing: MISSING,
    kill: (node) => cluster.kill(node),
    stop: (node) => cluster.stop(node),
    start: (node) => cluster.start(node),
    pause: (node) => cluster.pause(node),
    resume: (node) => cluster.unpause(node),
    async cut(node) {
      cutOff.add(node)
      await cluster.disconnect(node)
    },
    async heal() {
      for (const node of cutOff) await cluster.connect(node)
      cutOff.clear()
    },
    wipe: () => Promise.reject(new Error('a volume can not be wiped here')),
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
    },
  }
}
