import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ClientGone } from '../http/client-gone.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { ConflictForecastDto } from './conflicts.dto.js';
import { Conflicts } from './conflicts.service.js';

@ApiTags('Worktrees')
@Controller('repositories')
export class ConflictsController {
  constructor(private readonly conflicts: Conflicts) {}

  /**
   * Foretell conflicts between the running executions of a repository
   *
   * Each two of them are merged on trial, by what their workers have seen in their checkouts last, also of what is in no
   * commit yet, or by what they pushed last; nothing of that stays in the repository. `seen_at` says how old that is. At most
   * 16 executions are looked at, those first that have most files in common.
   */
  @Get(':id/conflicts')
  @Allow('worktrees.read')
  @ApiIdParam('id', 'Id of the repository.')
  @ProblemsWith({ 404: ['repository/not-found'], 409: ['git/failed'] })
  @ApiOkResponse({ type: ConflictForecastDto })
  async foretell(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @ClientGone() gone: AbortSignal,
  ): Promise<ConflictForecastDto> {
    return ConflictForecastDto.from(await this.conflicts.foretell(principal, id, gone));
  }
}
