/** The containers of docker/compose.yaml, on the engine that is there or on one of our own. */
import { ComposeCluster } from '../../test/rig/compose-cluster.ts'
import { DockerEngine } from '../../test/rig/docker.ts'
import type { ChaosTarget } from './chaos-target.ts'
import type { FaultKind } from './fault.ts'

/** @returns the cluster, or what is missing on this machine */
export async function startCompose(): Promise<ChaosTarget | string> {
  const engine = await DockerEngine.open()
  if (typeof engine === 'string') return engine
  try {
    const image = await engine.image()
    if (typeof image === 'string') {
      await engine[Symbol.asyncDispose]()
      return image
    }
    const cluster = await ComposeCluster.up(engine, image.tag, true)
    return targetOf(cluster, engine, await missingFaults(cluster))
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
}

/** Without root, a container can only be taken off its network as a whole. */
async function missingFaults(cluster: ComposeCluster): Promise<Map<FaultKind, string>> {
  const missing = new Map<FaultKind, string>()
  const noCuts = await cluster.whyNoCuts()
  if (noCuts !== null) for (const kind of ['oneway', 'slow'] as const) missing.set(kind, noCuts)
  return missing
}

function targetOf(
  cluster: ComposeCluster,
  engine: DockerEngine,
  missing: ReadonlyMap<FaultKind, string>,
): ChaosTarget {
  const offNetwork = new Set<string>()
  return {
    bootstrap: cluster.bootstrap,
    nodes: cluster.services,
    missing,
    states: () => cluster.states(),
    async crashes() {
      const crashed = [...(await cluster.restarts())].filter(([, restarts]) => restarts > 0)
      return crashed.map(([name, restarts]) => `${name} ended by itself, ${restarts} × (docker-compose logs)`)
    },
    kill: (node) => cluster.kill(node),
    stop: (node) => cluster.stop(node),
    start: (node) => cluster.start(node),
    pause: (node) => cluster.pause(node),
    resume: (node) => cluster.unpause(node),
    cut: (from, to) => cluster.cut(from, to),
    async isolate(node, oneWay) {
      if (missing.has('oneway')) {
        offNetwork.add(node)
        return cluster.disconnect(node)
      }
      if (!oneWay) return cluster.isolate(node)
      return cluster.cut(node, ...cluster.services.filter((other) => other !== node))
    },
    slow: (node) => cluster.slow(node),
    async heal() {
      await cluster.heal()
      for (const node of offNetwork) await cluster.connect(node)
      offNetwork.clear()
    },
    fillDisk: (node) => cluster.fillDisk(node),
    freeDisk: (node) => cluster.freeDisk(node),
    setClock: (node, skewMs) => cluster.setClock(node, skewMs),
    wipe: (node) => cluster.wipe(node),
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
    },
  }
}
