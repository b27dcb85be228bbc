import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPerson, CurrentPrincipal } from '../auth/access.js';
import type { Principal, UserPrincipal } from '../auth/principal.js';
import { PageQuery, type Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import {
  InvitationDto,
  InvitationPage,
  InvitationPath,
  InvitationsQuery,
  InviteDto,
  MembershipDto,
  OwnInvitationPath,
} from './invitations.dto.js';
import { InvitationsService } from './invitations.service.js';
import { OrganizationPath } from './organizations.dto.js';

@ApiTags('Organizations')
@Controller()
export class InvitationsController {
  constructor(private readonly invitations: InvitationsService) {}

  /**
   * Invite somebody by their GitHub login
   *
   * They have seven days to accept; one that has expired is replaced. Nobody can be invited into a personal
   * organization, and only owners invite owners.
   */
  @Post('organizations/:id/members')
  @Allow('members.manage')
  @Idempotent()
  @ApiCreatedResponse({ type: InvitationDto, description: 'The invitation, which waits for its answer.' })
  @ProblemsWith({
    403: ['auth/forbidden', 'organization/switch-first', 'organization/owners-only'],
    409: ['member/exists', 'invitation/exists', 'organization/personal'],
  })
  async invite(
    @CurrentPrincipal() principal: Principal,
    @Param() { id }: OrganizationPath,
    @Body() body: InviteDto,
  ): Promise<InvitationDto> {
    return InvitationDto.from(await this.invitations.invite(principal, id, body));
  }

  /** List the invitations of the organization, newest first */
  @Get('organizations/:id/invitations')
  @Allow('members.manage')
  @ApiOkResponse({ type: InvitationPage, description: 'One page of invitations.' })
  @ProblemsWith({ 403: ['auth/forbidden', 'organization/switch-first'] })
  list(
    @CurrentPrincipal() principal: Principal,
    @Param() { id }: OrganizationPath,
    @Query() query: InvitationsQuery,
  ): Promise<Page<InvitationDto>> {
    return this.invitations.list(principal, id, query, (row) => InvitationDto.from(row));
  }

  /** Revoke an invitation that waits for its answer */
  @Delete('organizations/:id/invitations/:invitation_id')
  @Allow('members.manage')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It cannot be accepted any more.' })
  @ProblemsWith({
    403: ['auth/forbidden', 'organization/switch-first', 'organization/owners-only'],
    404: ['organization/not-found', 'invitation/not-found'],
    409: ['invitation/closed'],
  })
  async revoke(
    @CurrentPrincipal() principal: Principal,
    @Param() { id, invitation_id }: InvitationPath,
  ): Promise<void> {
    await this.invitations.revoke(principal, id, invitation_id);
  }

  /** List the invitations that wait for the caller, by the GitHub login they have now, newest first */
  @Get('invitations')
  @Allow('signed-in')
  @ApiOkResponse({ type: InvitationPage, description: 'One page of invitations.' })
  listOwn(@CurrentPerson() person: UserPrincipal, @Query() query: PageQuery): Promise<Page<InvitationDto>> {
    return this.invitations.listOwn(person, query, (row) => InvitationDto.from(row));
  }

  /**
   * Accept an invitation
   *
   * The token goes on acting where it did; `POST /auth/switch-organization` leads into the new organization.
   */
  @Post('invitations/:id/accept')
  @Allow('signed-in')
  @HttpCode(HttpStatus.OK)
  @ApiOkResponse({ type: MembershipDto, description: 'The membership.' })
  @ProblemsWith({ 404: ['invitation/not-found'], 409: ['invitation/closed', 'member/exists'] })
  async accept(@CurrentPerson() person: UserPrincipal, @Param() { id }: OwnInvitationPath): Promise<MembershipDto> {
    return MembershipDto.of(await this.invitations.accept(person, id));
  }

  /** Decline an invitation */
  @Post('invitations/:id/decline')
  @Allow('signed-in')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It does not wait any more.' })
  @ProblemsWith({ 404: ['invitation/not-found'], 409: ['invitation/closed'] })
  async decline(@CurrentPerson() person: UserPrincipal, @Param() { id }: OwnInvitationPath): Promise<void> {
    await this.invitations.decline(person, id);
  }
}
