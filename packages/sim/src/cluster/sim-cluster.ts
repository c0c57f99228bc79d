/** A cluster of real nodes in a simulated world. */
import type { LoadedConfig } from '@millrace/server'
import { EventKind } from '../kernel/trace.ts'
import type { World } from '../world/world.ts'
import { type ClusterChecks, clusterChecks } from './cluster-checks.ts'
import { ClusterNode } from './cluster-node.ts'
import { bootstrapOf, type ClusterShape, loadPlan, type NodePlan, nodePlans } from './node-plan.ts'

export interface LoadedPlans {
  readonly plans: readonly NodePlan[]
  readonly loaded: readonly LoadedConfig[]
}

const SUPERVISE_MS = 500
const START_SPREAD_MS = 400

/** Before the simulation: reads what nodes read from files. */
export async function loadPlans(shape: ClusterShape): Promise<LoadedPlans> {
  const plans = nodePlans(shape)
  return { plans, loaded: await Promise.all(plans.map((plan) => loadPlan(plan))) }
}

export class SimCluster {
  readonly world: World
  readonly nodes: readonly ClusterNode[]
  readonly checks: ClusterChecks
  /** Of all brokers. */
  readonly bootstrap: string

  constructor(world: World, { plans, loaded }: LoadedPlans) {
    this.world = world
    this.checks = clusterChecks(world, plans, (id) => this.#mayForget(id))
    this.bootstrap = bootstrapOf(plans)
    this.nodes = plans.map(
      (plan, index) =>
        new ClusterNode({
          world,
          machine: world.addNode(plan.name),
          plan,
          loaded: loaded[index]!,
          checks: this.checks,
        }),
    )
  }

  get controllers(): readonly ClusterNode[] {
    return this.nodes.filter(({ plan }) => plan.isController)
  }

  get brokers(): readonly ClusterNode[] {
    return this.nodes.filter(({ plan }) => plan.isBroker)
  }

  node(id: number): ClusterNode {
    const node = this.nodes.find((other) => other.id === id)
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  nodeOn(machine: string): ClusterNode {
    const node = this.nodes.find(({ plan }) => plan.name === machine)
    if (node === undefined) throw new Error(`there is no node on ${machine}`)
    return node
  }

  /** Who decides now; null while nobody does. */
  get active(): ClusterNode | null {
    return this.nodes.find(({ quorum }) => quorum?.isActive === true) ?? null
  }

  /** All nodes, within a moment of each other. */
  start(): void {
    const rng = this.world.rng('start')
    for (const node of this.nodes) {
      this.world.scheduler.schedule(rng.below(START_SPREAD_MS), EventKind.task, null, () => node.start())
    }
    this.#superviseSoon()
  }

  #mayForget(id: number): boolean {
    const { plan, isDiskTouched } = this.node(id)
    return isDiskTouched && !plan.isController
  }

  #superviseSoon(): void {
    this.world.scheduler.schedule(SUPERVISE_MS, EventKind.task, null, () => {
      for (const node of this.nodes) node.supervise()
      this.#superviseSoon()
    })
  }
}
