import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPerson, CurrentPrincipal } from '../auth/access.js';
import type { Principal, UserPrincipal } from '../auth/principal.js';
import { PageQuery, type Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { MemberDto, MemberPage, MemberPath, TransferOwnershipDto, UpdateMemberDto } from './members.dto.js';
import { MembersService } from './members.service.js';
import { OrganizationPath } from './organizations.dto.js';

@ApiTags('Organizations')
@Controller('organizations/:id')
export class MembersController {
  constructor(private readonly members: MembersService) {}

  /** List the members of the organization, newest first */
  @Get('members')
  @Allow('organizations.read')
  @ApiOkResponse({ type: MemberPage, description: 'One page of members.' })
  @ProblemsWith({ 403: ['auth/forbidden', 'organization/switch-first'] })
  list(
    @CurrentPrincipal() principal: Principal,
    @Param() { id }: OrganizationPath,
    @Query() query: PageQuery,
  ): Promise<Page<MemberDto>> {
    return this.members.list(principal, id, query, (row) => MemberDto.from(row));
  }

  /**
   * Change the role of a member
   *
   * Acts on the member's next request. Only owners make and demote owners; the last owner stays one.
   */
  @Patch('members/:user_id')
  @Allow('members.manage')
  @ApiOkResponse({ type: MemberDto, description: 'The member as they are now.' })
  @ProblemsWith({
    403: ['auth/forbidden', 'organization/switch-first', 'organization/owners-only'],
    404: ['organization/not-found', 'member/not-found'],
    409: ['organization/last-owner'],
  })
  async changeRole(
    @CurrentPrincipal() principal: Principal,
    @Param() { id, user_id }: MemberPath,
    @Body() { role }: UpdateMemberDto,
  ): Promise<MemberDto> {
    return MemberDto.from(await this.members.changeRole(principal, id, user_id, role));
  }

  /**
   * Remove a member, or leave
   *
   * Everybody may leave, by their own id; to remove others takes the permission `members.manage`, and to remove an
   * owner takes an owner. The last owner cannot leave. Acts on the person's next request: their sessions that acted
   * here go on in their personal organization, with the next refresh.
   */
  @Delete('members/:user_id')
  @Allow('signed-in')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'The person does not belong to the organization any more.' })
  @ProblemsWith({
    403: ['auth/forbidden', 'organization/switch-first', 'organization/owners-only'],
    404: ['organization/not-found', 'member/not-found'],
    409: ['organization/last-owner'],
  })
  async remove(@CurrentPrincipal() principal: Principal, @Param() { id, user_id }: MemberPath): Promise<void> {
    await this.members.remove(principal, id, user_id);
  }

  /**
   * Transfer the ownership to another member
   *
   * In one step the member becomes an owner and the caller, who must be one, an admin.
   */
  @Post('transfer')
  @Allow('organizations.manage')
  @HttpCode(HttpStatus.OK)
  @ApiOkResponse({ type: MemberDto, description: 'The new owner.' })
  @ProblemsWith({
    403: ['auth/forbidden', 'organization/switch-first', 'organization/owners-only'],
    404: ['organization/not-found', 'member/not-found'],
    409: ['organization/personal'],
  })
  async transfer(
    @CurrentPerson() person: UserPrincipal,
    @Param() { id }: OrganizationPath,
    @Body() { user_id }: TransferOwnershipDto,
  ): Promise<MemberDto> {
    return MemberDto.from(await this.members.transfer(person, id, user_id));
  }
}
