/** Runs one scenario from the first start to the last check. */
import { type LoadedPlans, loadPlans, SimCluster } from '../cluster/sim-cluster.ts'
import { clusterTarget, markLosses, settleMachines } from '../cluster/cluster-target.ts'
import { Nemesis } from '../fault/nemesis.ts'
import { EventKind } from '../kernel/trace.ts'
import { Violation } from '../kernel/violation.ts'
import { History } from '../workload/history.ts'
import { leastInSync, replicationFactorOf } from '../workload/operation.ts'
import { SimClient } from '../workload/sim-client.ts'
import { adminNames, producerNames } from '../workload/workload-plan.ts'
import { simulate } from '../world/simulate.ts'
import type { World } from '../world/world.ts'
import { chart } from './chart.ts'
import { checkEnd, checkProducers, checkReplicas } from './end-checks.ts'
import { chooseCore, requireLiveness } from './liveness.ts'
import type { Scenario } from './scenario.ts'

export interface RunOptions {
  /** Keep what a chart is drawn from. */
  readonly recording?: boolean
  /** A violation that is an error says where it was made. Default false. */
  readonly stackTraces?: boolean
}

export interface RunResult {
  readonly hash: string
  readonly events: number
  readonly virtualMs: number
  /** Faults that took effect, by kind. */
  readonly faults: Readonly<Record<string, number>>
  readonly outcomes: Readonly<Record<string, number>>
  readonly elections: number
  readonly violation: ViolationReport | null
  /** The last log lines; only of a run that failed. */
  readonly log: string
  /** Of a run that was recorded. */
  readonly chart: string
}

export interface ViolationReport {
  readonly message: string
  /** Name of the invariant, or the kind of what happened. */
  readonly invariant: string
  readonly step: number
  readonly atMs: number
}

const READER = 'reader'
const RECORDED_LINES_MAX = 1_000_000

export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<RunResult> {
  const plans = await loadPlans(scenario.config)
  let world: World | null = null
  let run: Run | null = null
  let violation: Violation | null = null
  try {
    await simulate(worldOptions(scenario, options), (created) => {
      world = created
      run = new Run(created, scenario, plans)
      run.toTheEnd()
    })
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    violation = error
  }
  return result(world!, run!, violation)
}

function worldOptions({ seed, config }: Scenario, { recording = false, stackTraces = false }: RunOptions) {
  const { latencyMs, jitterMs, syncMs, syncStallMs, shortOneIn } = config
  return {
    seed,
    recording,
    stackTraces,
    ...(recording ? { logLinesMax: RECORDED_LINES_MAX } : {}),
    network: { latencyMs, jitterMs },
    disk: { latencyMsMax: syncMs, stallOneIn: 100, stallMsMax: syncStallMs, shortOneIn },
  }
}

class Run {
  readonly cluster: SimCluster
  readonly history: History
  readonly nemesis: Nemesis
  readonly #world: World
  readonly #scenario: Scenario
  readonly #clients = new Map<string, SimClient>()

  constructor(world: World, scenario: Scenario, plans: LoadedPlans) {
    this.#world = world
    this.#scenario = scenario
    this.cluster = new SimCluster(world, plans)
    this.nemesis = new Nemesis(world.scheduler, clusterTarget(this.cluster))
    const { checks, bootstrap } = this.cluster
    this.history = new History({
      facts: checks.facts,
      nowMs: () => world.nowMs,
      violate: (invariant, details) => checks.violate(invariant, details),
      isKept: (topic, partition) => this.#isKept(topic, partition),
    })
    const { load } = scenario.config
    for (const name of [...adminNames(load), ...producerNames(load), READER]) {
      const machine = world.addNode(name)
      const { batchBytesMax } = load
      this.#clients.set(name, new SimClient({ machine, bootstrap, history: this.history, batchBytesMax }))
    }
  }

  toTheEnd(): void {
    const { config, operations, faults } = this.#scenario
    this.cluster.start()
    for (const client of this.#clients.values()) client.start()
    for (const operation of operations) {
      this.#world.scheduler.schedule(operation.atMs, EventKind.task, null, () =>
        this.#clients.get(operation.client)!.perform(operation),
      )
    }
    markLosses(this.cluster, faults)
    this.nemesis.schedule(faults)
    this.#world.runFor(config.chaosMs)
    this.nemesis.stop()
    settleMachines(this.cluster, config.shortOneIn)
    this.#heal()
    const reader = this.#clients.get(READER)!
    requireLiveness(this.cluster, this.history, reader)
    checkEnd(this.cluster, this.history, reader)
    checkReplicas(this.cluster, (topic, partition) => this.#isKept(topic, partition))
    checkProducers(this.cluster, config.faults.kinds.includes('wall-jump'))
  }

  #heal(): void {
    const rng = this.#world.rng('core')
    const order = this.cluster.nodes.map(({ id }) => ({ id, rank: rng.fork(`rank/${id}`).u32() }))
    order.sort((a, b) => a.rank - b.rank)
    const ids = order.map(({ id }) => id)
    // A change of voters that is still asked for may make any of them the one that is needed.
    const all = this.#scenario.config.load.voterChanges || rng.below(2) === 0
    const core = chooseCore(this.cluster, ids, all)
    for (const node of this.cluster.nodes) {
      // A disk that failed once is trusted again only by a new process: its partitions are offline until then.
      if (!core.has(node.id) || node.isDiskTouched) node.kill()
      if (core.has(node.id)) node.start()
    }
  }

  /**
   * Whether what was acknowledged must still be there: unless something was lost, by whoever ever had a replica, while so
   * many of them ended uncleanly that all who have it may look as if they had lost it.
   */
  #isKept(topic: string, partition: number): boolean {
    const { checks } = this.cluster
    const found = checks.image.latest?.topics.byName(topic)
    const image = found?.partitions[partition]
    if (found === undefined || image === undefined) return false
    const holders = [...(checks.facts.topic(found.id)?.holders.get(partition) ?? image.replicas)]
    const nodes = holders.map((id) => this.cluster.node(id))
    const suspects = nodes.filter(({ isSuspect }) => isSuspect)
    const most = leastInSync(replicationFactorOf(image))
    return !nodes.some(({ mayHaveLost }) => mayHaveLost) || suspects.length < most
  }
}

function result(world: World, run: Run | null, violation: Violation | null): RunResult {
  return {
    hash: world.trace.hash,
    events: world.scheduler.steps,
    virtualMs: world.nowMs,
    faults: Object.fromEntries(run?.nemesis.counts ?? []),
    outcomes: { ...run?.history.outcomes },
    elections: run?.cluster.checks.quorum.elections ?? 0,
    violation: violation === null ? null : report(violation, world),
    log: violation === null ? '' : world.logText(),
    chart: world.trace.isRecording ? chartOf(world, run) : '',
  }
}

function chartOf(world: World, run: Run | null): string {
  const nodes = run?.cluster.nodes.map(({ plan }) => plan.name) ?? []
  return chart(nodes, world.trace.lines, world.log.lines())
}

function report(violation: Violation, world: World): ViolationReport {
  const [, invariant = violation.kind] = /\[([a-z-]+)\]/.exec(violation.message) ?? []
  return { message: violation.message, invariant, step: world.scheduler.steps, atMs: violation.atMs }
}
