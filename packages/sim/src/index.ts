export type { CrashMode } from './crash-mode.ts'
export type { DiskFault, DiskOperation } from './disk-fault.ts'
export { SimDisk, SimulatedStop } from './sim-disk.ts'
export type { SimDiskOptions } from './sim-disk.ts'
