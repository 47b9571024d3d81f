/** Names of system registers that no extension declares: to print and read what a processor without them meets. */
import { once } from "../once.ts"
import { type SystemAccess, type SystemNames, systemEncoding } from "../operands.ts"

/**
 * Each line begins with op0 op1 CRn; an entry is name.CRm.op2. Braces stand for numbered registers, as many encodings apart as the number
 * after the plus sign says (1 if none), op2 counting first.
 */
const undeclared: readonly string[] = [
  "2 0 0: dbgbvr{2-15}_el1.2.4+8 dbgbcr{2-15}_el1.2.5+8 dbgwvr{2-15}_el1.2.6+8 dbgwcr{2-15}_el1.2.7+8 mdselr_el1.4.2 mdstepop_el1.5.2",
  "2 0 9: spmcgcr0_el1.13.0 spmcgcr1_el1.13.1 spmaccessr_el1.13.3 spmiidr_el1.13.4 spmdevarch_el1.13.5 spmdevaff_el1.13.6 spmcfgr_el1.13.7",
  "2 0 9: spmintenset_el1.14.1 spmintenclr_el1.14.2",
  "2 0 14: pmevcntsvr{0-30}_el1.8.0 pmccntsvr_el1.11.7 pmicntsvr_el1.12.0",
  "2 1 0: trctraceidr.0.1 trcvictlr.0.2 trcseqevr0.0.4 trccntrldvr{0-3}.0.5+8 trcidr{8-13}.0.6+8 trcimspec{0-7}.0.7+8 trcprgctlr.1.0",
  "2 1 0: trcqctlr.1.1 trcviiectlr.1.2 trcseqevr1.1.4 trcprocselr.2.0 trciteedcr.2.1 trcvissctlr.2.2 trcseqevr2.2.4 trcstatr.3.0",
  "2 1 0: trcvipcssctlr.3.2 trcconfigr.4.0 trccntctlr{0-3}.4.5+8 trcauxctlr.6.0 trcseqrstevr.6.4 trcseqstr.7.4 trceventctl0r.8.0",
  "2 1 0: trcvdctlr.8.2 trcextinselr{0-3}.8.4+8 trccntvr{0-3}.8.5+8 trcidr{0-7}.8.7+8 trceventctl1r.9.0 trcvdsacctlr.9.2 trcrsr.10.0",
  "2 1 0: trcvdarcctlr.10.2 trcstallctlr.11.0 trctsctlr.12.0 trcsyncpr.13.0 trcccctlr.14.0 trcbbctlr.15.0",
  "2 1 1: trcrsctlr{16-31}.0.1+8 trcssccr{0-7}.0.2+8 trcsspcicr{0-7}.0.3+8 trcoslar.0.4 trcoslsr.1.4 trcrsctlr{2-15}.2.0+8 trcpdcr.4.4",
  "2 1 1: trcpdsr.5.4 trcsscsr{0-7}.8.2+8",
  "2 1 2: trcacvr{0-7}.0.0+16 trcacvr{8-15}.0.1+16 trcacatr{0-7}.0.2+16 trcacatr{8-15}.0.3+16 trcdvcvr{0-3}.0.4+32 trcdvcvr{4-7}.0.5+32",
  "2 1 2: trcdvcmr{0-3}.0.6+32 trcdvcmr{4-7}.0.7+32",
  "2 1 3: trccidcvr{0-7}.0.0+16 trcvmidcvr{0-7}.0.1+16 trccidcctlr0.0.2 trccidcctlr1.1.2 trcvmidcctlr0.2.2 trcvmidcctlr1.3.2",
  "2 1 7: trcitctrl.0.4 trcdevid.2.7 trcdevtype.3.7 trcpidr{4-7}.4.7+8 trcclaimset.8.6 trcpidr{0-3}.8.7+8 trcclaimclr.9.6 trcdevaff0.10.6",
  "2 1 7: trcdevaff1.11.6 trclar.12.6 trccidr{0-3}.12.7+8 trclsr.13.6 trcauthstatus.14.6 trcdevarch.15.6",
  "2 1 8: brbinf{0-15}_el1.0.0+8 brbsrc{0-15}_el1.0.1+8 brbtgt{0-15}_el1.0.2+8 brbinf{16-31}_el1.0.4+8 brbsrc{16-31}_el1.0.5+8",
  "2 1 8: brbtgt{16-31}_el1.0.6+8",
  "2 1 9: brbcr_el1.0.0 brbfcr_el1.0.1 brbts_el1.0.2 brbinfinj_el1.1.0 brbsrcinj_el1.1.1 brbtgtinj_el1.1.2 brbidr0_el1.2.0",
  "2 3 9: spmcr_el0.12.0 spmcntenset_el0.12.1 spmcntenclr_el0.12.2 spmovsclr_el0.12.3 spmzr_el0.12.4 spmselr_el0.12.5 spmovsset_el0.14.3",
  "2 3 14: spmevcntr{0-15}_el0.0.0 spmevtyper{0-15}_el0.2.0 spmevfiltr{0-15}_el0.4.0 spmevfilt2r{0-15}_el0.6.0",
  "2 4 0: dbgvcr32_el2.7.0",
  "2 4 9: brbcr_el2.0.0 spmaccessr_el2.13.3",
  "2 5 9: brbcr_el12.0.0 spmaccessr_el12.13.3",
  "2 6 9: spmaccessr_el3.13.3 spmrootcr_el3.14.7",
  "2 7 9: spmscr_el1.14.7",
  "3 0 0: mpuir_el1.0.4",
  "3 0 1: rgsr_el1.0.5 gcr_el1.0.6 zcr_el1.2.0 trfcr_el1.2.1 trcitecr_el1.2.3 smpri_el1.2.4 smcr_el1.2.6 sctlrmask_el1.4.0",
  "3 0 1: actlrmask_el1.4.1 cpacrmask_el1.4.2 sctlr2mask_el1.4.3 cpacralias_el1.4.4 actlralias_el1.4.5 sctlralias_el1.4.6",
  "3 0 1: sctlr2alias_el1.4.7",
  "3 0 2: irtbru_el1.0.4 irtbrp_el1.0.5 dpotbr0_el1.0.6 dpotbr1_el1.0.7 apiakeylo_el1.1.0 apiakeyhi_el1.1.1 apibkeylo_el1.1.2",
  "3 0 2: apibkeyhi_el1.1.3 ldstt_el1.1.7 apdakeylo_el1.2.0 apdakeyhi_el1.2.1 apdbkeylo_el1.2.2 apdbkeyhi_el1.2.3 tpcr0_el1.2.4",
  "3 0 2: tpcr1_el1.2.5 apgakeylo_el1.3.0 apgakeyhi_el1.3.1 gcscr_el1.5.0 gcspr_el1.5.1 gcscre0_el1.5.2 tcrmask_el1.7.2 tcr2mask_el1.7.3",
  "3 0 2: tcralias_el1.7.6 tcr2alias_el1.7.7",
  "3 0 3: fgdtp{0-15}_el1.2.0 fgdtu{0-15}_el1.4.0 afgdtp{0-15}_el1.6.0 afgdtu{0-15}_el1.8.0",
  "3 0 4: stindex_el1.0.2 tindex_el1.0.3 allint.3.0 pm.3.1",
  "3 0 5: erxgsr_el1.3.2 erxfr_el1.4.0 erxctlr_el1.4.1 erxstatus_el1.4.2 erxaddr_el1.4.3 erxpfgf_el1.4.4 erxpfgctl_el1.4.5",
  "3 0 5: erxpfgcdn_el1.4.6 erxmisc{0-3}_el1.5.0 tfsr_el1.6.0 tfsre0_el1.6.1",
  "3 0 6: pfar_el1.0.5 prenr_el1.1.1 prselr_el1.2.1 prbar_el1.8.0 prlar_el1.8.1 prbar{1-15}_el1.8.4+4 prlar{1-15}_el1.8.5+4",
  "3 0 9: pmscr_el1.9.0 pmsnevfr_el1.9.1 pmsicr_el1.9.2 pmsirr_el1.9.3 pmsfcr_el1.9.4 pmsevfr_el1.9.5 pmslatfr_el1.9.6 pmsidr_el1.9.7",
  "3 0 9: pmblimitr_el1.10.0 pmbptr_el1.10.1 pmbsr_el1.10.3 pmsdsfr_el1.10.4 pmbmar_el1.10.5 pmbidr_el1.10.7 trblimitr_el1.11.0",
  "3 0 9: trbptr_el1.11.1 trbbaser_el1.11.2 trbsr_el1.11.3 trbmar_el1.11.4 trbmpam_el1.11.5 trbtrg_el1.11.6 trbidr_el1.11.7",
  "3 0 9: pmsscr_el1.13.3 pmintenset_el1.14.1 pmintenclr_el1.14.2 pmuacr_el1.14.4 pmecr_el1.14.5 pmmir_el1.14.6 pmiar_el1.14.7",
  "3 0 10: mair2_el1.2.1 por_el1.2.4 s2por_el1.2.5 tttbru_el1.2.6 tttbrp_el1.2.7 amair2_el1.3.1",
  "3 0 10: mpamidr_el1.4.4 mpambwidr_el1.4.5 tlbididr_el1.4.6 mpam1_el1.5.0 mpam0_el1.5.1 mpamctl_el1.5.2",
  "3 0 10: mpamsm_el1.5.3 mpambw1_el1.5.4 mpambw0_el1.5.5 mpambwsm_el1.5.7",
  "3 0 12: rvbar_el1.0.1 rmr_el1.0.2 icc_ap0r{1-3}_el1.8.5",
  "3 0 12: icc_ap1r{1-3}_el1.9.1 icc_nmiar1_el1.9.5 icc_ppi_hmr0_el1.10.0 icc_ppi_hmr1_el1.10.1 icc_idr0_el1.10.2 icc_hppir_el1.10.3",
  "3 0 12: icc_icsr_el1.10.4 icc_iaffidr_el1.10.5 icc_ppi_enabler0_el1.10.6 icc_ppi_enabler1_el1.10.7",
  "3 0 12: icc_ppi_cactiver0_el1.13.0",
  "3 0 12: icc_ppi_cactiver1_el1.13.1 icc_ppi_sactiver0_el1.13.2 icc_ppi_sactiver1_el1.13.3 icc_ppi_cpendr0_el1.13.4",
  "3 0 12: icc_ppi_cpendr1_el1.13.5 icc_ppi_spendr0_el1.13.6 icc_ppi_spendr1_el1.13.7 icc_ppi_priorityr{0-15}_el1.14.0",
  "3 0 13: tpidr3_el1.0.0 rcwsmask_el1.0.3 accdata_el1.0.5 rcwmask_el1.0.6 scxtnum_el1.0.7",
  "3 1 0: ccsidr2_el1.0.2 gmid_el1.0.4 smidr_el1.0.6",
  "3 1 12: icc_apr_el1.0.0 icc_cr0_el1.0.1 icc_pcr_el1.0.2 icc_hapr_el1.0.3",
  "3 3 2: tpcr0_el0.2.4 tpcr1_el0.2.5 gcspr_el0.5.1",
  "3 3 4: tindex_el0.0.3 svcr.2.2 tco.2.7 fpmr.4.2 dspsr_el0.5.0 dlr_el0.5.1 dpocr_el0.5.2",
  "3 3 9: pmicntr_el0.4.0 pmicfiltr_el0.6.0 pmcr_el0.12.0 pmcntenset_el0.12.1 pmcntenclr_el0.12.2 pmovsclr_el0.12.3 pmswinc_el0.12.4",
  "3 3 9: pmselr_el0.12.5 pmceid0_el0.12.6 pmceid1_el0.12.7 pmccntr_el0.13.0 pmxevtyper_el0.13.1 pmxevcntr_el0.13.2 pmzr_el0.13.4",
  "3 3 9: pmuserenr_el0.14.0 pmovsset_el0.14.3",
  "3 3 10: por_el0.2.4",
  "3 3 13: tpidr3_el0.0.0 tpidr2_el0.0.5 scxtnum_el0.0.7 amcr_el0.2.0 amcfgr_el0.2.1 amcgcr_el0.2.2 amuserenr_el0.2.3 amcntenclr0_el0.2.4",
  "3 3 13: amcntenset0_el0.2.5 amcg1idr_el0.2.6 amcntenclr1_el0.3.0 amcntenset1_el0.3.1 amevcntr00_el0.4.0 amevcntr01_el0.4.1",
  "3 3 13: amevcntr02_el0.4.2 amevcntr03_el0.4.3 amevtyper00_el0.6.0 amevtyper01_el0.6.1 amevtyper02_el0.6.2 amevtyper03_el0.6.3",
  "3 3 13: amevcntr1{0-15}_el0.12.0 amevtyper1{0-15}_el0.14.0",
  "3 3 14: cntpctss_el0.0.5 cntvctss_el0.0.6 pmevcntr{0-30}_el0.8.0 pmevtyper{0-30}_el0.12.0 pmccfiltr_el0.15.7",
  "3 4 0: mpuir_el2.0.4",
  "3 4 1: zcr_el2.2.0 trfcr_el2.2.1 trcitecr_el2.2.3 smprimap_el2.2.5 smcr_el2.2.6 sder32_el2.3.1 sctlrmask_el2.4.0 actlrmask_el2.4.1",
  "3 4 1: cptrmask_el2.4.2 sctlr2mask_el2.4.3 nvhcr_el2.5.0 nvhcrx_el2.5.1 nvhcrmask_el2.5.4 nvhcrxmask_el2.5.5 hcrmask_el2.5.6",
  "3 4 1: hcrxmask_el2.5.7",
  "3 4 2: irtbru_el2.0.4 irtbrp_el2.0.5 dpotbr0_el2.0.6 dpotbr1_el2.0.7 ldstt_el2.1.7 vncr_el2.2.0 vnccr_el2.2.1 tpcr0_el2.2.4",
  "3 4 2: tpcr1_el2.2.5 hdbssbr_el2.3.2 hdbssprod_el2.3.3 hacdbsbr_el2.3.4 hacdbscons_el2.3.5 gcscr_el2.5.0 gcspr_el2.5.1 vsttbr_el2.6.0",
  "3 4 2: vstcr_el2.6.2 tcrmask_el2.7.2 tcr2mask_el2.7.3 vtlbid{0-3}_el2.8.0 vtlbidos{0-3}_el2.9.0",
  "3 4 3: dacr32_el2.0.0 hdfgrtr2_el2.1.0 hdfgwtr2_el2.1.1 hfgrtr2_el2.1.2 hfgwtr2_el2.1.3 hafgrtr_el2.1.6 hfgitr2_el2.1.7",
  "3 4 3: fgdtp{0-15}_el2.2.0 fgdtu{0-15}_el2.4.0 afgdtp{0-15}_el2.6.0 afgdtu{0-15}_el2.8.0",
  "3 4 4: stindex_el2.0.2 tindex_el2.0.3 spsr_irq.3.0 spsr_abt.3.1 spsr_und.3.2 spsr_fiq.3.3",
  "3 4 5: ifsr32_el2.0.1 tfsr_el2.6.0",
  "3 4 6: pfar_el2.0.5 prenr_el2.1.1 prselr_el2.2.1 prbar_el2.8.0 prlar_el2.8.1 prbar{1-15}_el2.8.4+4 prlar{1-15}_el2.8.5+4",
  "3 4 9: pmscr_el2.9.0 pmbsr_el2.10.3 trbsr_el2.11.3",
  "3 4 10: mair2_el2.1.1 por_el2.2.4 s2pir_el2.2.5 tttbru_el2.2.6 tttbrp_el2.2.7 amair2_el2.3.1 mpamhcr_el2.4.0 mpamvpmv_el2.4.1",
  "3 4 10: mpam2_el2.5.0 mpamctl_el2.5.2 mpambw2_el2.5.4 mpambwcap_el2.5.6 mpamvpm{0-7}_el2.6.0 mecid_p0_el2.8.0 mecid_a0_el2.8.1",
  "3 4 10: mecid_p1_el2.8.2 mecid_a1_el2.8.3 mecidr_el2.8.7 vmecid_p_el2.9.0 vmecid_a_el2.9.1",
  "3 4 12: ich_ap0r{1-3}_el2.8.1 ich_apr_el2.8.4 ich_hppir_el2.8.5 ich_ap1r{1-3}_el2.9.1 ich_hfgrtr_el2.9.4",
  "3 4 12: ich_hfgwtr_el2.9.6 ich_hfgitr_el2.9.7 ich_ppi_dvir0_el2.10.0 ich_ppi_dvir1_el2.10.1 ich_ppi_enabler0_el2.10.2",
  "3 4 12: ich_ppi_enabler1_el2.10.3 ich_ppi_pendr0_el2.10.4 ich_ppi_pendr1_el2.10.5 ich_ppi_activer0_el2.10.6 ich_ppi_activer1_el2.10.7",
  "3 4 12: ich_vctlr_el2.11.4",
  "3 4 12: ich_contextr_el2.11.6 ich_lr{4-15}_el2.12.4 ich_ppi_priorityr{0-15}_el2.14.0",
  "3 4 13: tpidr3_el2.0.0 scxtnum_el2.0.7 amevcntvoff00_el2.8.0 amevcntvoff01_el2.8.1 amevcntvoff02_el2.8.2 amevcntvoff03_el2.8.3",
  "3 4 13: amevcntvoff04_el2.8.4 amevcntvoff05_el2.8.5 amevcntvoff06_el2.8.6 amevcntvoff07_el2.8.7 amevcntvoff08_el2.9.0",
  "3 4 13: amevcntvoff09_el2.9.1 amevcntvoff010_el2.9.2 amevcntvoff011_el2.9.3 amevcntvoff012_el2.9.4 amevcntvoff013_el2.9.5",
  "3 4 13: amevcntvoff014_el2.9.6 amevcntvoff015_el2.9.7 amevcntvoff1{0-15}_el2.10.0",
  "3 4 14: cntpoff_el2.0.6 cnthvs_tval_el2.4.0 cnthvs_ctl_el2.4.1 cnthvs_cval_el2.4.2 cnthps_tval_el2.5.0 cnthps_ctl_el2.5.1",
  "3 4 14: cnthps_cval_el2.5.2",
  "3 5 1: actlr_el12.0.1 zcr_el12.2.0 trfcr_el12.2.1 trcitecr_el12.2.3 smcr_el12.2.6 sctlrmask_el12.4.0 actlrmask_el12.4.1",
  "3 5 1: cpacrmask_el12.4.2 sctlr2mask_el12.4.3",
  "3 5 2: irtbru_el12.0.4 irtbrp_el12.0.5 dpotbr0_el12.0.6 dpotbr1_el12.0.7 ldstt_el12.1.7 tpcr0_el12.2.4 tpcr1_el12.2.5 gcscr_el12.5.0",
  "3 5 2: gcspr_el12.5.1 tcrmask_el12.7.2 tcr2mask_el12.7.3",
  "3 5 3: fgdtp{0-15}_el12.2.0 fgdtu{0-15}_el12.4.0 afgdtp{0-15}_el12.6.0 afgdtu{0-15}_el12.8.0",
  "3 5 4: stindex_el12.0.2 tindex_el12.0.3",
  "3 5 5: tfsr_el12.6.0",
  "3 5 6: pfar_el12.0.5",
  "3 5 9: pmscr_el12.9.0 pmbsr_el12.10.3 trbsr_el12.11.3",
  "3 5 10: mair2_el12.2.1 por_el12.2.4 tttbru_el12.2.6 tttbrp_el12.2.7 amair2_el12.3.1 mpam1_el12.5.0 mpamctl_el12.5.2 mpambw1_el12.5.4",
  "3 5 13: tpidr3_el12.0.0 scxtnum_el12.0.7",
  "3 6 1: sctlr_el3.0.0 actlr_el3.0.1 sctlr2_el3.0.3 scr_el3.1.0 sder32_el3.1.1 cptr_el3.1.2 fgwte3_el3.1.5 zcr_el3.2.0 scr2_el3.2.2",
  "3 6 1: smcr_el3.2.6 mdcr_el3.3.1",
  "3 6 2: ttbr0_el3.0.0 tcr_el3.0.2 irtbrp_el3.0.5 dpotbr0_el3.0.6 gptbr_el3.1.4 gpcbw_el3.1.5 gpccr_el3.1.6 gcscr_el3.5.0 gcspr_el3.5.1",
  "3 6 3: fgdtp{0-15}_el3.2.0 afgdtp{0-15}_el3.6.0",
  "3 6 4: spsr_el3.0.0 elr_el3.0.1 stindex_el3.0.2 tindex_el3.0.3",
  "3 6 5: afsr0_el3.1.0 afsr1_el3.1.1 esr_el3.2.0 vsesr_el3.2.3 tfsr_el3.6.0",
  "3 6 6: far_el3.0.0 mfar_el3.0.5",
  "3 6 9: pmbsr_el3.10.3 trbsr_el3.11.3",
  "3 6 10: mair2_el3.1.1 mair_el3.2.0 pir_el3.2.3 por_el3.2.4 tttbrp_el3.2.7 amair_el3.3.0 amair2_el3.3.1 mpam3_el3.5.0 mpamctl_el3.5.2",
  "3 6 10: mpambw3_el3.5.4 mecid_rl_a_el3.10.1",
  "3 6 12: vbar_el3.0.0 rvbar_el3.0.1 rmr_el3.0.2 vdisr_el3.1.1 icc_apr_el3.8.0 icc_pcr_el3.8.1 icc_domhppir_el3.8.2",
  "3 6 12: icc_ppi_domainr{0-3}_el3.8.4 icc_cr0_el3.9.0 icc_hppir_el3.9.1 icc_ctlr_el3.12.4 icc_sre_el3.12.5 icc_igrpen1_el3.12.7",
  "3 6 13: tpidr3_el3.0.0 tpidr_el3.0.2 scxtnum_el3.0.7",
  "3 7 14: cntps_tval_el1.2.0 cntps_ctl_el1.2.1 cntps_cval_el1.2.2"
]
const ENTRY = /^([^.{]+)(?:\{(\d+)-(\d+)\}([^.]*))?\.(\d+)\.(\d)(?:\+(\d+))?$/
const namesOf = (line: string): readonly (readonly [name: string, encoding: number])[] => {
  const [place, entries] = line.split(": ")
  const [op0, op1, CRn] = place!.split(" ").map(Number)
  return entries!.split(" ").flatMap((entry) => {
    const [, head, first, last, tail = "", CRm, op2, step = "1"] = ENTRY.exec(entry)!
    const encoding = systemEncoding(op0!, op1!, CRn!, Number(CRm), Number(op2))
    if (first === undefined) return [[head!, encoding] as const]
    const count = Number(last) - Number(first) + 1
    return Array.from({ length: count }, (_, i) => [`${head}${Number(first) + i}${tail}`, encoding + i * Number(step)] as const)
  })
}
/** Lower-case names and their encodings; read when they are first asked for, which most runs never do. */
export const undeclaredRegisters = once((): ReadonlyMap<string, number> => new Map(undeclared.flatMap(namesOf)))

/** Reading and writing the debug data register have a name each. */
const receive = ["dbgdtrrx_el0", systemEncoding(2, 3, 0, 5, 0)] as const

/** The names of a machine: its own registers (lower-case name to encoding), and those it lacks. */
export const systemNamesOf = (declared: ReadonlyMap<string, number>): SystemNames => {
  const others = once(() => new Map([...undeclaredRegisters(), receive]))
  const names = once(() => new Map([...others(), ...declared].map(([name, encoding]) => [encoding, name])))
  return {
    name: (encoding: number, access: SystemAccess) => (access === "read" && encoding === receive[1] ? receive[0] : names().get(encoding)),
    encoding: (name: string) => declared.get(name.toLowerCase()) ?? others().get(name.toLowerCase())
  }
}
