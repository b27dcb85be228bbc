import type { EntityTarget, ObjectLiteral } from 'typeorm';

/** Every entity class, as TypeORM wants them listed. */
export const entities: (new () => ObjectLiteral)[] & EntityTarget<ObjectLiteral>[] = [];
