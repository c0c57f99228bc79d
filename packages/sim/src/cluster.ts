/**
 * Whole clusters in a simulated world: scenarios, their runs, what is left of them after shrinking. Apart from the
 * package's entry so that tests of other packages, which need a disk or a world, do not load a server.
 */
export { drawScenario } from './run/draw-scenario.ts'
export { runScenario, type RunOptions, type RunResult, type ViolationReport } from './run/run-scenario.ts'
export type { Scenario } from './run/scenario.ts'
export { shrinkScenario } from './run/shrink-scenario.ts'
export { type SwarmConfig, swarmConfig } from './run/swarm-config.ts'
export { scriptedScenarios } from './scripted/scenarios.ts'
export { runScripted, type ScriptedScenario } from './scripted/scripted-cluster.ts'
