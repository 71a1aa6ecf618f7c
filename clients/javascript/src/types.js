/** The shapes of the HTTP contract. More fields may come; none is renamed. */

/** @typedef {"PENDING" | "RUNNING" | "DONE" | "ERROR" | "CANCELLED"} JobStatus */
/** @typedef {"PENDING" | "RUNNING" | "DONE" | "ERROR"} StepStatus */
/** @typedef {"replaceFile" | "replace" | "append" | "upsert"} LoadMode */
/** @template T @typedef {{items: T[], nextCursor?: string}} Page A page of a list. `nextCursor` is there where more follows. */

/**
 * @typedef {object} JobRequest
 * @property {string} type
 * @property {Record<string, unknown>} params
 * @property {string} [envId]
 * @property {number} [priority] -100 to 100; higher first.
 * @property {string} [runAt] RFC 3339.
 * @property {number} [maxAttempts]
 * @property {number} [timeoutSeconds]
 * @property {string} [idempotencyKey]
 */
/**
 * @typedef {object} JobFilters
 * @property {JobStatus | JobStatus[]} [status]
 * @property {string | string[]} [type]
 * @property {string} [envId]
 * @property {Date | string} [createdAfter]
 * @property {Date | string} [createdBefore]
 * @property {string} [q]
 */
/** @typedef {{code: string, message: string, retryable: boolean, details?: unknown}} Failure */
/** @typedef {{done: number | null, total: number | null, unit: string | null, message: string | null}} Progress */
/**
 * @typedef {object} Step
 * @property {string} name
 * @property {StepStatus} status
 * @property {number | null} attempt
 * @property {string | null} startedAt
 * @property {string | null} finishedAt
 * @property {Progress | null} progress
 * @property {any} output
 * @property {Failure | null} error
 */
/**
 * @typedef {object} Job
 * @property {string} jobId
 * @property {string} type
 * @property {JobStatus} status
 * @property {{code: string, message: string, since: string, heldBy?: any} | null} waiting Why a PENDING job does not run.
 * @property {string} envId
 * @property {string} tenantId
 * @property {Record<string, any>} params
 * @property {Step[]} steps
 * @property {any} result
 * @property {Failure | null} error
 * @property {number} attempt
 * @property {number} maxAttempts
 * @property {number} priority
 * @property {Progress | null} progress
 * @property {string | null} cancelRequestedAt
 * @property {string} createdAt
 * @property {string} runAt
 * @property {string | null} startedAt
 * @property {string | null} finishedAt
 * @property {string} createdBy
 */
/** @typedef {import("./sse.js").StreamEvent} StreamEvent */
/** @typedef {{type: string, description: string, paramsSchema: any, steps: {name: string, always: boolean}[]}} JobType */
/**
 * @typedef {object} Worker
 * @property {string} workerId
 * @property {string} host
 * @property {number} pid
 * @property {string} version
 * @property {string[]} types
 * @property {number} runningJobs
 * @property {number} memoryBytes
 * @property {string} startedAt
 * @property {string} lastSeenAt
 */
/** @typedef {{envId: string, name: string, schemaName: string, createdAt: string}} Environment */
/**
 * @typedef {object} Area
 * @property {string} areaId
 * @property {string} name
 * @property {LoadMode} loadMode
 * @property {string[]} keyColumns
 * @property {string | null} physId
 * @property {string} createdAt
 */
/**
 * @typedef {object} StoredFile
 * @property {string} fileId
 * @property {string} areaId
 * @property {string} name
 * @property {number} bytes
 * @property {string} sha256
 * @property {string} format
 * @property {string} createdAt
 * @property {string | null} [duplicateOf]
 */
/** @typedef {{code: string, message: string, column?: string}} Finding */
/**
 * @typedef {object} FilePreview
 * @property {string} format
 * @property {string} encoding
 * @property {string | null} delimiter
 * @property {string | null} quote
 * @property {number | null} headerRows
 * @property {number | null} preambleRows
 * @property {string | null} recordsPath
 * @property {string | null} sheet
 * @property {{name: string, logicalName: string, type: string, nullable: boolean}[]} columns
 * @property {Record<string, any>[]} rows
 * @property {Reject[]} rejects
 * @property {Finding[]} evidence
 * @property {Finding[]} warnings
 */
/**
 * @typedef {object} PlanVersion
 * @property {number} version
 * @property {"rules" | "ai" | "user"} author
 * @property {"draft" | "approved" | "superseded"} status
 * @property {number | null} [score]
 * @property {string} createdAt
 */
/** @typedef {PlanVersion & {source: any, columns: any[], [field: string]: any}} Plan */
/** @typedef {{columns: any[], rows: Record<string, any>[], rejects: Reject[], warnings: Finding[], rowsRead: number, rowsFiltered: number}} PlanPreview */
/**
 * @typedef {object} Table
 * @property {string} physId
 * @property {string} logicalName
 * @property {{kind: "area" | "stream", id: string}} owner
 * @property {{name: string, logicalName: string, type: string, unit?: string, nullable: boolean}[]} columns
 * @property {number} rows
 * @property {number} bytes
 * @property {string | null} [timeColumn]
 * @property {any} timeSeries
 * @property {number} planVersion
 * @property {string} lastLoadAt
 */
/**
 * @typedef {object} Load
 * @property {string} loadId
 * @property {string} jobId
 * @property {number} attempt
 * @property {LoadMode} mode
 * @property {number} planVersion
 * @property {number} rowsRead
 * @property {number} rowsLoaded
 * @property {number} rowsRejected
 * @property {number} rowsFiltered
 * @property {number} rowsDeduplicated
 * @property {string} [replayOf]
 * @property {string} startedAt
 * @property {string} finishedAt
 */
/** @typedef {{line: number | null, column: string | null, reason: string, code: string, raw: string | null}} Reject */

export {};
